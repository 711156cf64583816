/**
 * libiscsi's 230 conformance tests against `diskless target`, each in a process of its own and each in at least one of eight kinds of
 * unit (test/interop/libiscsi/configurations.ts). The tool calls a test that it leaves out "passed"; the board does not.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { requires } from '../support/requires.ts';

const board = join(import.meta.dirname, 'libiscsi', 'scoreboard.ts');

/** Milliseconds; a minute is usual on two processors. */
const patience = 360_000;

test('every test of libiscsi that a target can pass is run and passed', (t) => {
  if (!requires(t, 'iscsi-test-cu')) return;
  const run = spawnSync(process.execPath, [board, '--no-tgt'], { encoding: 'utf8', timeout: patience });
  assert.equal(run.status, 0, `${run.stdout}\n${run.stderr}`);
  // As many as Debian's libiscsi 1.19.0 lists: a listing that is cut short must not pass for a board without a gap.
  assert.match(run.stdout, /diskless passes \d+ of 230 tests/);
  // As many as look at DPO and FUA: a rule that names none of them must not pass for a unit without a fault.
  assert.match(run.stdout, /^H .* 15\/0\/0 in /m);
  t.diagnostic(run.stdout.trim().split('\n').at(-1) ?? '');
});

test('a pattern that fits no test is an error, not a board without a gap', (t) => {
  if (!requires(t, 'iscsi-test-cu')) return;
  const run = spawnSync(process.execPath, [board, '--no-tgt', '--only', 'NoSuchTest'], {
    encoding: 'utf8',
    timeout: patience,
  });
  assert.equal(run.status, 2, run.stdout);
  assert.match(run.stderr, /none of the 230 tests/);
});
