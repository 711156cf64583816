/** What the scoreboard makes of its results: a target that is broken must not end with 0. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Board, type Result } from './board.ts';
import { configurations, impossible } from './configurations.ts';
import type { Verdict } from './verdict.ts';

const pass: Verdict = { kind: 'pass' };
const fail = { kind: 'fail', reason: 'VERIFY10 successful but should have failed' } as const;
const skip = { kind: 'skip', reason: 'VERIFY10 is not implemented', silent: false } as const;
const silentSkip: Verdict = { kind: 'skip', reason: 'it returned without having tried anything', silent: true };

const verify = 'Verify10.Mismatch';
const [impossibleTest = ''] = impossible.keys();

function result(test: string, configuration: string, verdict: Verdict, about: Partial<Result> = {}): Result {
  return { maker: 'diskless', test, configuration, verdict, served: true, seconds: 0, ...about };
}

function boardOf(...results: readonly Result[]): Board {
  const tests = [...new Set(results.map(({ test }) => test))];
  return new Board(tests, configurations, results);
}

test('a test that passes in one configuration is passed, whatever the others say', () => {
  const board = boardOf(result(verify, 'A', skip), result(verify, 'B', pass), result(verify, 'D', fail));
  assert.equal(board.exitCode, 0);
  assert.match(board.render(['diskless']), /^diskless passes 1 of 1 tests\.$/m);
});

for (const [what, verdict] of Object.entries({ fails: fail, skips: skip, 'skips silently': silentSkip })) {
  test(`a test that ${what} in every configuration ends the run with 1, and is named with its reason`, () => {
    const others = [result('Read10.Simple', 'A', pass), result('Read10.Simple', 'B', pass)];
    const board = boardOf(...others, result(verify, 'A', verdict), result(verify, 'B', verdict));
    assert.equal(board.exitCode, 1);
    assert.deepEqual(board.unexplained('diskless'), [verify]);
    const rendered = board.render(['diskless']);
    assert.match(rendered, /^diskless passes 1 of 2 tests; 1 are missing\.$/m);
    assert.ok('reason' in verdict && rendered.includes(`A, B ${what.includes('silent') ? 'silent ' : ''}`));
    assert.ok(rendered.includes(verdict.reason));
  });
}

describe('a binding configuration', () => {
  const dpo = 'Verify10.Dpo';

  test('is that in which the same tests want another answer', () => {
    assert.deepEqual(
      configurations.filter(({ binding }) => binding).map(({ id }) => id),
      ['H'],
    );
  });

  for (const [what, verdict] of Object.entries({ fails: fail, skips: skip })) {
    test(`a test that ${what} in it is not passed, whatever the others say`, () => {
      const board = boardOf(result(dpo, 'A', pass), result(dpo, 'B', pass), result(dpo, 'H', verdict));
      assert.equal(board.exitCode, 1);
      assert.deepEqual(board.unexplained('diskless'), [dpo]);
      assert.ok(board.render(['diskless']).includes(`H ${verdict.kind}: ${verdict.reason}`));
    });
  }

  test('does not vouch for the others', () => {
    const board = boardOf(result(dpo, 'A', fail), result(dpo, 'B', skip), result(dpo, 'H', pass));
    assert.deepEqual(board.unexplained('diskless'), [dpo]);
  });

  test('that passes with one of the others, or is run alone, is enough', () => {
    assert.equal(boardOf(result(dpo, 'A', skip), result(dpo, 'B', pass), result(dpo, 'H', pass)).exitCode, 0);
    assert.equal(boardOf(result(dpo, 'H', pass)).exitCode, 0);
  });

  test('says nothing of tests that do not run in it', () => {
    assert.equal(boardOf(result(verify, 'A', pass), result(dpo, 'A', pass), result(dpo, 'H', pass)).exitCode, 0);
  });
});

test('only the test that no target can pass may fail', () => {
  const failing = [result(impossibleTest, 'A', fail), result(impossibleTest, 'B', fail)];
  const board = boardOf(...failing);
  assert.equal(board.exitCode, 0);
  assert.match(board.render(['diskless']), new RegExp(`^No target can pass ${impossibleTest}: `, 'm'));
  assert.equal(boardOf(...failing, result(verify, 'A', fail)).exitCode, 1);
});

test('a test that passes for one user name only is not passed', () => {
  const users = [result(verify, 'F', pass, { user: 'user' }), result(verify, 'F', fail, { user: '0xabcd' })];
  assert.equal(boardOf(...users).exitCode, 1);
  assert.equal(boardOf(...users.map((one) => ({ ...one, verdict: pass }))).exitCode, 0);
});

test('a target that does not come up passes nothing', () => {
  const unserved = result(verify, 'A', { kind: 'fail', reason: 'diskless ended' }, { served: false });
  const board = boardOf(unserved);
  assert.equal(board.exitCode, 1);
  assert.match(board.render(['diskless']), /^diskless cannot serve configuration A: diskless ended$/m);
});

test('what another target passes does not help ours', () => {
  const board = boardOf(result(verify, 'A', fail), result(verify, 'A', pass, { maker: 'tgtd' }));
  assert.equal(board.exitCode, 1);
  assert.deepEqual(board.unexplained('tgtd'), []);
});
