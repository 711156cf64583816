/** One timer for many deadlines: it sleeps until the earliest of them, and then asks its owner to look at the clock. */

import type { Clock, Timer } from '../os/clock.ts';

export class Watchdog {
  readonly #clock: Clock;
  readonly #look: (now: number) => number;
  #timer: Timer | undefined;
  #at = Number.POSITIVE_INFINITY;
  #stopped = false;

  /** `look` deals with what is due at `now` and returns when to look again. Times are the clock's monotonic milliseconds. */
  constructor(clock: Clock, look: (now: number) => number) {
    this.#clock = clock;
    this.#look = look;
  }

  /** Sees to it that somebody looks at the clock at `at`, or before. */
  watch(at: number): void {
    if (at >= this.#at || this.#stopped) return;
    this.#timer?.cancel();
    this.#at = at;
    this.#timer = this.#clock.after(Math.max(0, at - this.#clock.monotonic()), () => this.#wake());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #wake(): void {
    this.#at = Number.POSITIVE_INFINITY;
    this.watch(this.#look(this.#clock.monotonic()));
  }
}
