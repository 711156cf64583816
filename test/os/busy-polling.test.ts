import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BusyPolling, WINDOW } from '../../src/os/busy-polling.ts';
import type { Clock } from '../../src/os/clock.ts';

/** A loop whose turns the test takes, one by one. */
function makeLoop() {
  const turns: (() => void)[] = [];
  const machine = { time: 1000 };
  const clock: Clock = {
    now: () => machine.time,
    monotonic: () => machine.time,
    after: () => assert.fail('it never waits for a timer'),
    nextTurn: (callback) => void turns.push(callback),
  };
  const polling = new BusyPolling(clock);
  return {
    machine,
    /** Something comes after so many milliseconds and is worked on at once; gives whether the loop sleeps then. */
    receive(after: number): boolean {
      machine.time += after;
      polling.received();
      turns.shift()?.();
      return turns.length === 0;
    },
    /** Likewise, and something else beside it was sent before an earlier answer had been looked at. */
    receiveAhead(after: number): boolean {
      machine.time += after;
      polling.received();
      polling.receivedAhead();
      polling.received();
      turns.shift()?.();
      return turns.length === 0;
    },
    /** So many milliseconds with nothing; gives whether the loop sleeps then. */
    nothing(milliseconds: number): boolean {
      machine.time += milliseconds;
      turns.shift()?.();
      return turns.length === 0;
    },
  };
}

const quick = WINDOW / 2;

test('a loop sleeps after what comes alone, and stays awake in a quick conversation', () => {
  const loop = makeLoop();
  assert.equal(loop.receive(0), true);
  assert.equal(loop.receive(WINDOW), true, 'that was a pause');
  assert.equal(loop.receive(quick), false);
  assert.equal(loop.nothing(quick), false);
  assert.equal(loop.receive(quick / 2), false, 'the window begins anew with everything that comes');
  assert.equal(loop.nothing(quick), false);
});

test('one window in vain, and it sleeps until two things come close together again', () => {
  const loop = makeLoop();
  loop.receive(0);
  assert.equal(loop.receive(quick), false);
  assert.equal(loop.nothing(quick), false);
  assert.equal(loop.nothing(WINDOW), true);
  assert.equal(loop.receive(quick), true);
  assert.equal(loop.receive(quick), false);
});

test('work that takes long is no pause: the window begins when it is done', () => {
  const loop = makeLoop();
  loop.receive(0);
  assert.equal(loop.receive(quick), false);
  loop.machine.time += 10 * WINDOW;
  assert.equal(loop.receive(0), false);
  assert.equal(loop.nothing(quick), false);
});

test('who asks before having looked at an earlier answer is not waited for', () => {
  const loop = makeLoop();
  loop.receive(0);
  assert.equal(loop.receiveAhead(quick), true);
  assert.equal(loop.receiveAhead(quick), true);
  assert.equal(loop.receive(quick), false, 'one thing at a time again');
});
