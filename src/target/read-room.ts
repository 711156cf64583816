/**
 * The memory that the READs of a session may ask a device for at a time. Only what the device does not give at once counts, and only
 * READs wait for room: everything else goes on, the abort of a READ that waits above all.
 *
 * A device that stalls holds back no other: a unit at which nothing is read may begin one READ however little room there is. Nor does
 * it hold back what it has at hand: small READs always find room, since the command window bounds their number: 128 of 64 KiB are
 * 8 MiB of a session, beside 2 MiB of immediate commands of each connection. A socket that nobody empties adds nothing to it, since
 * no more commands are taken from it.
 */

import type { LogicalUnit } from './logical-unit.ts';
import type { Task } from './task.ts';

/** Bytes of a READ that is small. */
const SMALL = 64 << 10;

interface Waiter {
  readonly task: Task;
  readonly unit: LogicalUnit;
  readonly begin: () => void;
}

export class ReadRoom {
  readonly #limit: number;
  #used = 0;
  /** How many READs are under way at a unit. */
  readonly #underWay = new Map<LogicalUnit, number>();
  #queue: Waiter[] = [];

  /** `limit` is passed by one READ at most, beside those that are small or alone at their units. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get isFull(): boolean {
    return this.#used >= this.#limit;
  }

  /** Whether a READ of so many bytes has to `wait`. */
  mustWait(unit: LogicalUnit, bytes: number): boolean {
    return this.isFull && bytes > SMALL && this.#underWay.has(unit);
  }

  /** `begin` is called when there is room, in the order of asking; or when the task is over before. */
  wait(unit: LogicalUnit, task: Task, begin: () => void): void {
    this.#queue.push({ task, unit, begin });
  }

  /** The device of `unit` is at work on `bytes`. */
  enter(unit: LogicalUnit, bytes: number): void {
    this.#used += bytes;
    this.#underWay.set(unit, (this.#underWay.get(unit) ?? 0) + 1);
  }

  /** It is done with them. */
  leave(unit: LogicalUnit, bytes: number): void {
    this.#used -= bytes;
    const left = (this.#underWay.get(unit) ?? 0) - 1;
    if (left > 0) this.#underWay.set(unit, left);
    else this.#underWay.delete(unit);
    if (this.#queue.length > 0) this.#advance(unit);
  }

  /** A task is over, whether it waits or not. */
  forget(task: Task): void {
    if (this.#queue.length === 0) return;
    const at = this.#queue.findIndex((waiter) => waiter.task === task);
    const [forgotten] = at < 0 ? [] : this.#queue.splice(at, 1);
    forgotten?.begin();
  }

  #advance(unit: LogicalUnit): void {
    for (;;) {
      // Without room, only the unit that has just got done may have become one at which nothing is read.
      const at = this.isFull ? this.#queue.findIndex((waiter) => waiter.unit === unit) : 0;
      const next = this.isFull && this.#underWay.has(unit) ? undefined : this.#queue[at];
      if (next === undefined) return;
      this.#queue.splice(at, 1);
      next.begin();
    }
  }
}
