/**
 * The memory that the READs of a session may ask a device for at a time. Only what the device does not give at once counts, and only
 * READs wait for room: everything else goes on, the abort of a READ that waits above all.
 *
 * A unit at which nothing is read may begin one READ however little room there is: a device that stalls holds back no other.
 */

import type { LogicalUnit } from './logical-unit.ts';
import type { Task } from './task.ts';

export class ReadRoom {
  readonly #limit: number;
  readonly #admit: (task: Task) => void;
  #used = 0;
  /** How many READs are under way at a unit. */
  readonly #underWay = new Map<LogicalUnit, number>();
  #queue: Task[] = [];

  /** `limit` is passed by one READ at most, beside those that are alone at their units. `admit` is called for a task that has waited. */
  constructor(limit: number, admit: (task: Task) => void) {
    this.#limit = limit;
    this.#admit = admit;
  }

  get isFull(): boolean {
    return this.#used >= this.#limit;
  }

  /** Keeps a task at `unit` until there is room for it. False when it may go on at once. */
  holdBack(task: Task, unit: LogicalUnit): boolean {
    if (!this.isFull || !this.#underWay.has(unit)) return false;
    this.#queue.push(task);
    return true;
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
    if (this.#queue.length > 0) this.#queue = this.#queue.filter((each) => each !== task);
  }

  #advance(unit: LogicalUnit): void {
    for (;;) {
      // Without room, only the unit that has just got done may have become one at which nothing is read.
      const at = this.isFull ? this.#queue.findIndex((task) => task.unit === unit) : 0;
      const next = this.isFull && this.#underWay.has(unit) ? undefined : this.#queue[at];
      if (next === undefined) return;
      this.#queue.splice(at, 1);
      this.#admit(next);
    }
  }
}
