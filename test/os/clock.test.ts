import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { systemClock } from '../../src/os/clock.ts';

/** The longest that setTimeout takes, 24.8 days: what is longer it calls back at once. */
const longest = 2 ** 31 - 1;

/** Timers of Node that go off one after the other, when they are told to. */
function nodeTimers(t: TestContext) {
  const timers: { readonly delay: number; readonly callback: () => void }[] = [];
  t.mock.method(globalThis, 'setTimeout', (callback: () => void, delay: number) => timers.push({ callback, delay }));
  t.mock.method(globalThis, 'clearTimeout', (timer: number) => timers.splice(timer - 1, 1));
  /** Gives the delay of the one that went off. */
  const next = (): number | undefined => {
    const timer = timers.shift();
    timer?.callback();
    return timer?.delay;
  };
  return next;
}

describe('the real clock', () => {
  test('waits for longer than a timer of Node can', (t) => {
    const next = nodeTimers(t);
    let calls = 0;
    systemClock.after(2 * longest + 1000, () => calls++);
    assert.deepEqual([next(), next(), calls, next(), calls, next()], [longest, longest, 0, 1000, 1, undefined]);
    systemClock.after(longest, () => calls++);
    assert.deepEqual([next(), calls, next()], [longest, 2, undefined]);
  });

  test('forgets what is cancelled, also in the second of several waits', (t) => {
    const next = nodeTimers(t);
    const timer = systemClock.after(2 * longest, () => assert.fail('it was cancelled'));
    assert.equal(next(), longest);
    timer.cancel();
    assert.equal(next(), undefined);
  });

  test('never comes to what is for ever', (t) => {
    const next = nodeTimers(t);
    systemClock.after(Number.POSITIVE_INFINITY, () => assert.fail('for ever is over'));
    for (let times = 0; times < 5; times++) assert.equal(next(), longest);
  });
});
