import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { serialAdd, serialDistance } from '../../src/bytes/index.ts';
import { CommandWindow } from '../../src/target/command-window.ts';

test('commands outside the window and duplicates are ignored', () => {
  const window = new CommandWindow<string>(10, 4);
  assert.equal(window.maxCmdSN, 13);
  assert.equal(window.arrive(9, 'old'), 'ignored');
  assert.equal(window.arrive(14, 'too far'), 'ignored');
  assert.equal(window.arrive(12, 'early'), 'early');
  assert.equal(window.arrive(12, 'again'), 'ignored');
  assert.equal(window.arrive(10, 'due'), 'due');
  assert.equal(window.nextEarly(), undefined, '11 is missing');
  assert.equal(window.arrive(11, 'due'), 'due');
  assert.equal(window.nextEarly(), 'early');
  assert.equal(window.expCmdSN, 13);
});

test('the window is as large as what is not under way', () => {
  const window = new CommandWindow<number>(0xffff_ffff, 2);
  window.arrive(0xffff_ffff, 0);
  window.arrive(0, 1);
  assert.equal(serialDistance(window.expCmdSN, window.maxCmdSN), -1, 'closed');
  assert.equal(window.arrive(1, 2), 'ignored');
  window.release();
  assert.equal(window.maxCmdSN, 1);
  assert.equal(window.arrive(1, 2), 'due');
});

test('what counts as received leaves nothing behind, and is never delivered (RFC 7143 §11.6.1)', () => {
  const window = new CommandWindow<string>(10, 8);
  assert.equal(window.skip(9), false);
  assert.equal(window.skip(18), false);
  window.arrive(12, 'early');
  assert.equal(window.skip(12), true);
  assert.equal(window.early(12), undefined);
  assert.equal(window.arrive(12, 'again'), 'ignored');
  assert.equal(window.early(12), undefined);
  assert.equal(window.expCmdSN, 10, '10 is still missing');
  window.arrive(13, 'behind');
  assert.equal(window.skip(10), true);
  assert.deepEqual([window.expCmdSN, window.maxCmdSN], [11, 18]);
  assert.equal(window.arrive(11, 'due'), 'due');
  assert.equal(window.nextEarly(), 'behind');
  assert.deepEqual([window.expCmdSN, window.maxCmdSN], [14, 19], 'two are under way');
});

test('nobody waits for missing commands up to a number of the window (RFC 7143 §4.2.3.3)', () => {
  const window = new CommandWindow<string>(0xffff_fffe, 4);
  window.arrive(0, 'early');
  for (const outside of [3, 0x8000_0000, 0xffff_fffe, 0xffff_fff0]) window.skipMissing(outside);
  assert.equal(window.expCmdSN, 0xffff_fffe);
  window.skipMissing(2);
  assert.equal(window.expCmdSN, 0);
  assert.equal(window.nextEarly(), 'early');
  assert.equal(window.expCmdSN, 2);
  const closed = new CommandWindow<string>(3, 1);
  closed.arrive(3, 'due');
  closed.skipMissing(0x8000_0004);
  assert.equal(closed.expCmdSN, 4, 'a number on the other side of the circle');
});

test('whatever comes, commands are delivered once each, in order, and MaxCmdSN never falls', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 0xffff_ffff }),
      fc.array(fc.record({ ahead: fc.integer({ min: -3, max: 12 }), release: fc.boolean() }), { maxLength: 200 }),
      (start, steps) => {
        const window = new CommandWindow<number>(start, 8);
        const delivered: number[] = [];
        let released = 0;
        let last = window.maxCmdSN;
        for (const { ahead, release } of steps) {
          const cmdSN = serialAdd(window.expCmdSN, ahead);
          if (window.arrive(cmdSN, cmdSN) === 'due') delivered.push(cmdSN);
          for (let next = window.nextEarly(); next !== undefined; next = window.nextEarly()) delivered.push(next);
          if (release && delivered.length > released) {
            window.release();
            released += 1;
          }
          assert.ok(serialDistance(last, window.maxCmdSN) >= 0);
          last = window.maxCmdSN;
          assert.ok(delivered.length - released <= 8, 'no more than the depth are under way');
        }
        assert.deepEqual(
          delivered,
          delivered.map((_, index) => serialAdd(start, index)),
        );
      },
    ),
  );
});
