/**
 * The task set of a logical unit: which of its tasks may start (SAM-5). SIMPLE tasks start as they come; an ORDERED one waits
 * for all before it and holds back all behind it; a HEAD OF QUEUE one starts at once.
 */

import type { Task } from './task.ts';

export class TaskSet {
  /** Tasks that have started and not ended; each knows its place, so that it is taken out without a search. */
  readonly #enabled: Task[] = [];
  /** Tasks that wait for their turn, oldest first. */
  #dormant: Task[] = [];
  #orderedRunning = false;

  /** Takes a task in. True when it may start now; otherwise `end` of another gives it later. */
  add(task: Task): boolean {
    if (task.isHeadOfQueue || this.#mayStart(task)) {
      this.#enable(task);
      return true;
    }
    this.#dormant.push(task);
    return false;
  }

  /** Takes a task out, and gives those that may now start. */
  end(task: Task): readonly Task[] {
    if (this.#enabled[task.place] === task) {
      this.#disable(task);
      if (task.isOrdered) this.#orderedRunning = false;
    } else {
      this.#dormant = this.#dormant.filter((other) => other !== task);
    }
    return this.#dormant.length === 0 ? noTasks : this.#release();
  }

  /** All tasks, in no particular order. */
  tasks(): Task[] {
    return [...this.#enabled, ...this.#dormant];
  }

  #mayStart(task: Task): boolean {
    if (this.#orderedRunning || this.#dormant.length > 0) return false;
    return !task.isOrdered || this.#enabled.length === 0;
  }

  #enable(task: Task): void {
    task.place = this.#enabled.length;
    this.#enabled.push(task);
    if (task.isOrdered) this.#orderedRunning = true;
  }

  /** The last one moves into its place. */
  #disable(task: Task): void {
    const last = this.#enabled.pop();
    if (last === undefined || last === task) return;
    this.#enabled[task.place] = last;
    last.place = task.place;
  }

  #release(): Task[] {
    const released: Task[] = [];
    let next = this.#dormant.shift();
    while (next !== undefined) {
      if (this.#orderedRunning || (next.isOrdered && this.#enabled.length > 0)) {
        this.#dormant.unshift(next);
        break;
      }
      this.#enable(next);
      released.push(next);
      next = this.#dormant.shift();
    }
    return released;
  }
}

const noTasks: readonly Task[] = [];
