/** What was sent and has not been answered, by its Initiator Task Tag: SCSI commands, and requests of other kinds. */

import { serialAdd } from '../bytes/index.ts';
import { RESERVED_TAG } from '../iscsi/opcode.ts';
import type { Exchange } from './exchange.ts';
import type { Task } from './task.ts';

export class Outstanding {
  readonly #byTag = new Map<number, Task | Exchange>();
  #lastTag = 0;
  #tasks = 0;

  /** How many of them are SCSI commands. */
  get tasks(): number {
    return this.#tasks;
  }

  /** A tag that nothing has. */
  newTag(): number {
    do this.#lastTag = serialAdd(this.#lastTag, 1);
    while (this.#lastTag === RESERVED_TAG || this.#byTag.has(this.#lastTag));
    return this.#lastTag;
  }

  add(each: Task | Exchange): void {
    this.#byTag.set(each.initiatorTaskTag, each);
    if (each.kind === 'task') this.#tasks += 1;
  }

  find(tag: number): Task | Exchange | undefined {
    return this.#byTag.get(tag);
  }

  task(tag: number): Task | undefined {
    const each = this.#byTag.get(tag);
    return each?.kind === 'task' ? each : undefined;
  }

  exchange(tag: number): Exchange | undefined {
    const each = this.#byTag.get(tag);
    return each?.kind === 'exchange' ? each : undefined;
  }

  forget(each: Task | Exchange): void {
    if (this.#byTag.delete(each.initiatorTaskTag) && each.kind === 'task') this.#tasks -= 1;
  }

  values(): Iterable<Task | Exchange> {
    return this.#byTag.values();
  }

  allTasks(): Task[] {
    return [...this.#byTag.values()].filter((each) => each.kind === 'task');
  }

  /** Everything ends with this error. */
  failAll(error: Error): void {
    const all = [...this.#byTag.values()];
    this.#byTag.clear();
    this.#tasks = 0;
    for (const each of all) each.fail(error);
  }
}
