/**
 * The memory that the WRITEs of a session may fill at a time. R2Ts for a task are sent when all that it still needs has room, in
 * the order of the tasks: two tasks that each hold half of what they need would wait for ever.
 */

import type { Task } from './task.ts';

export class TransferRoom {
  readonly #limit: number;
  readonly #admit: (task: Task) => void;
  #used = 0;
  readonly #held = new Map<Task, number>();
  #queue: { readonly task: Task; readonly bytes: number }[] = [];

  /** `admit` is called when a task's turn has come: at once, or later. */
  constructor(limit: number, admit: (task: Task) => void) {
    this.#limit = limit;
    this.#admit = admit;
  }

  /**
   * A task needs `bytes`. One that needs more than there is gets everything, once it is alone. One that waits already keeps its place,
   * whatever it needs now: with another connection it asks anew.
   */
  enter(task: Task, bytes: number): void {
    const place = this.#queue.findIndex((entry) => entry.task === task);
    if (place < 0) this.#queue.push({ task, bytes });
    else this.#queue[place] = { task, bytes };
    this.#advance();
  }

  /** Whether a task has been given its room. */
  holds(task: Task): boolean {
    return this.#held.has(task);
  }

  /** A task is over, whether it had entered or not. */
  leave(task: Task): void {
    if (this.#held.size === 0 && this.#queue.length === 0) return; // every READ comes here
    const bytes = this.#held.get(task);
    if (bytes !== undefined) {
      this.#held.delete(task);
      this.#used -= bytes;
    } else if (this.#queue.length > 0) {
      this.#queue = this.#queue.filter((entry) => entry.task !== task);
    }
    if (this.#queue.length > 0) this.#advance();
  }

  #advance(): void {
    for (;;) {
      const first = this.#queue[0];
      if (first === undefined || (this.#used > 0 && this.#used + first.bytes > this.#limit)) return;
      this.#queue.shift();
      this.#used += first.bytes;
      this.#held.set(first.task, first.bytes);
      this.#admit(first.task);
    }
  }
}
