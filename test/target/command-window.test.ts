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
