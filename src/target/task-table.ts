/**
 * The tasks of a session by their Initiator Task Tags. A tag is new with every command and gone with its answer; a Map that is used
 * so is built anew every few dozen commands, which took a tenth of the time of a READ. Here a task is linked into the list of its
 * slot, and nothing is made.
 */

import type { Task } from './task.ts';

/** More than a session has tasks, so that initiators that count their tags up meet no other task in a slot. A power of two. */
const SLOTS = 256;

export class TaskTable {
  readonly #slots: (Task | undefined)[] = new Array<Task | undefined>(SLOTS).fill(undefined);

  get(initiatorTaskTag: number): Task | undefined {
    let task = this.#slots[initiatorTaskTag & (SLOTS - 1)];
    while (task !== undefined && task.initiatorTaskTag !== initiatorTaskTag) task = task.nextInSlot;
    return task;
  }

  /** The table must have none of the same tag. */
  add(task: Task): void {
    const slot = task.initiatorTaskTag & (SLOTS - 1);
    task.nextInSlot = this.#slots[slot];
    this.#slots[slot] = task;
  }

  delete(task: Task): void {
    const slot = task.initiatorTaskTag & (SLOTS - 1);
    const first = this.#slots[slot];
    if (first === task) {
      this.#slots[slot] = task.nextInSlot;
      return;
    }
    let before = first;
    while (before !== undefined && before.nextInSlot !== task) before = before.nextInSlot;
    if (before !== undefined) before.nextInSlot = task.nextInSlot;
  }

  /** All of them, in no particular order. */
  values(): Task[] {
    const tasks: Task[] = [];
    for (let task of this.#slots) for (; task !== undefined; task = task.nextInSlot) tasks.push(task);
    return tasks;
  }
}
