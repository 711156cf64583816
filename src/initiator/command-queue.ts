/** SCSI commands on their way out: each is sent when the target's window has room for it (RFC 7143 §4.2.2.1). */

import type { Clock } from '../os/clock.ts';
import type { Outstanding } from './outstanding.ts';
import type { Sender } from './sender.ts';
import type { Task } from './task.ts';

export interface CommandQueueOptions {
  readonly outstanding: Outstanding;
  readonly sender: Sender;
  readonly clock: Clock;
  /** Milliseconds for a target that takes no command although none is outstanding. */
  readonly patience: number;
  /** Somebody has to look at the clock then. */
  readonly watch: (at: number) => void;
}

/** How many commands may be outstanding, whatever the target's window says: bounds memory on both sides. */
const MAX_OUTSTANDING_TASKS = 128;

export class CommandQueue {
  readonly #options: CommandQueueOptions;
  readonly #waiting: Task[] = [];
  /** When to give up a target that takes no command although none is outstanding; Infinity while it does. */
  stalledUntil = Number.POSITIVE_INFINITY;

  constructor(options: CommandQueueOptions) {
    this.#options = options;
  }

  push(task: Task): void {
    this.#waiting.push(task);
    this.advance();
  }

  /** Sends what may be sent: the window has moved, or tasks have ended. */
  advance(): void {
    if (this.#waiting.length === 0) {
      this.stalledUntil = Number.POSITIVE_INFINITY;
      return;
    }
    const { outstanding, sender, clock, patience, watch } = this.#options;
    while (this.#waiting.length > 0 && sender.window.open && outstanding.tasks < MAX_OUTSTANDING_TASKS) {
      const task = this.#waiting.shift();
      if (task !== undefined) this.#send(task);
    }
    // Tasks that are outstanding end in time, and move the window when they do. With none, only the target can.
    const stalled = this.#waiting.length > 0 && outstanding.tasks === 0;
    if (!stalled) this.stalledUntil = Number.POSITIVE_INFINITY;
    else if (this.stalledUntil === Number.POSITIVE_INFINITY) {
      this.stalledUntil = clock.monotonic() + patience;
      watch(this.stalledUntil);
    }
  }

  #send(task: Task): void {
    const { outstanding, sender, clock, watch } = this.#options;
    task.initiatorTaskTag = outstanding.newTag();
    task.deadline = clock.monotonic() + task.timeout;
    outstanding.add(task);
    sender.command(task);
    watch(task.deadline);
  }

  /** What has not been sent fails. */
  refuse(error: Error): void {
    for (const task of this.#waiting.splice(0)) task.fail(error);
  }

  /** Resolves when everything that was given to the queue so far has ended. */
  async finished(): Promise<void> {
    const tasks = [...this.#waiting, ...this.#options.outstanding.allTasks()];
    await Promise.all(tasks.map((task) => task.ended));
  }
}
