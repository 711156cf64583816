/** Time that passes only when a test says so. */

import type { Clock, Timer } from '../../src/os/clock.ts';

interface Alarm {
  readonly at: number;
  readonly callback: () => void;
}

export class SimulatedClock implements Clock {
  readonly #epoch: number;
  readonly #alarms = new Set<Alarm>();
  #now = 0;

  constructor(epoch = Date.UTC(2026, 0, 1)) {
    this.#epoch = epoch;
  }

  now(): number {
    return this.#epoch + this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(delay: number, callback: () => void): Timer {
    const alarm = { at: this.#now + delay, callback };
    this.#alarms.add(alarm);
    return { cancel: () => void this.#alarms.delete(alarm) };
  }

  /** No time passes between the turns of the loop. */
  nextTurn(callback: () => void): void {
    setImmediate(callback);
  }

  /** Timers that have not gone off. */
  get pending(): number {
    return this.#alarms.size;
  }

  /** Lets `milliseconds` pass at once: the timers that come due go off in their order. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) this.#ring(next);
    this.#now = end;
  }

  /** The same, but all that follows from one timer happens before the next goes off. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    await settled();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#ring(next);
      await settled();
    }
    this.#now = end;
  }

  #ring(alarm: Alarm): void {
    this.#alarms.delete(alarm);
    this.#now = Math.max(this.#now, alarm.at);
    alarm.callback();
  }

  #next(end: number): Alarm | undefined {
    return [...this.#alarms].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
  }
}

/** Returns when everything that is ready to happen has happened: promises, microtasks, immediates. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve));
}
