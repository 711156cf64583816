/** Time as an argument: the real clock, or a simulated one in tests. */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds that never jump: for measuring and for deadlines. */
  monotonic(): number;
  /** Calls back once, after `delay` milliseconds. */
  after(delay: number, callback: () => void): Timer;
  /** Calls back once the event loop has looked at what has come meanwhile. */
  nextTurn(callback: () => void): void;
}

/** Node takes no longer one, and calls back at once. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

function afterLong(delay: number, callback: () => void): Timer {
  let timer: Timer = { cancel: () => {} };
  const wait = (left: number): void => {
    timer = systemClock.after(
      Math.min(left, LONGEST_TIMEOUT),
      left > LONGEST_TIMEOUT ? () => wait(left - LONGEST_TIMEOUT) : callback,
    );
  };
  wait(delay);
  return { cancel: () => timer.cancel() };
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delay, callback) {
    if (delay > LONGEST_TIMEOUT) return afterLong(delay, callback);
    const timer = setTimeout(callback, delay);
    return { cancel: () => clearTimeout(timer) };
  },
  nextTurn: (callback) => void setImmediate(callback),
};

/** Until `delay` milliseconds are over or the signal, if there is one, comes; whoever waits looks which it was. */
export function pause(clock: Clock, delay: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      timer.cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.after(Math.max(0, delay), end);
    signal?.addEventListener('abort', end, { once: true });
  });
}
