/**
 * The deadlines of many things by one timer. A deadline may move with every packet, and nothing is done then: each thing is looked at
 * a few times in a second, and waited for a little less or more, by what its deadline is by that time.
 */

import type { Clock, Timer } from '../os/clock.ts';

export interface WithDeadline {
  /** On the clock that never jumps; undefined when it is over. */
  readonly deadline: number | undefined;
}

/** Milliseconds; a deadline is met at most one tick late. */
const TICK = 50;
/** Ticks until each thing has been looked at: no deadline comes nearer than that. */
const SLOTS = 4;

export class DeadlineWheel<Thing extends WithDeadline> {
  readonly #clock: Clock;
  readonly #due: (thing: Thing) => void;
  readonly #slots: Thing[][] = Array.from({ length: SLOTS }, () => []);
  #slot = 0;
  #things = 0;
  #timer: Timer | undefined;

  /** `due` moves the deadline, or ends it. */
  constructor(clock: Clock, due: (thing: Thing) => void) {
    this.#clock = clock;
    this.#due = due;
  }

  /** Watches over a thing until it has no deadline any more. */
  add(thing: Thing): void {
    if (thing.deadline === undefined) return;
    const ticks = Math.ceil((thing.deadline - this.#clock.monotonic()) / TICK);
    const slot = (this.#slot + Math.min(Math.max(ticks, 1), SLOTS)) % SLOTS;
    this.#slots[slot]?.push(thing);
    this.#things++;
    this.#timer ??= this.#clock.after(TICK, () => this.#turn());
  }

  #turn(): void {
    this.#timer = undefined;
    this.#slot = (this.#slot + 1) % SLOTS;
    const things = this.#slots[this.#slot]?.splice(0) ?? [];
    this.#things -= things.length;
    for (const thing of things) {
      if (thing.deadline !== undefined && thing.deadline <= this.#clock.monotonic()) this.#due(thing);
      this.add(thing);
    }
    if (this.#things > 0) this.#timer ??= this.#clock.after(TICK, () => this.#turn());
  }

  close(): void {
    this.#timer?.cancel();
    for (const slot of this.#slots) slot.length = 0;
    this.#things = 0;
  }
}
