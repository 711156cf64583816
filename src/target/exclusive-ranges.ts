/**
 * Ranges of a medium that one task has to itself while it reads, decides and writes: COMPARE AND WRITE, ORWRITE and WRITE ATOMIC
 * look to all other writes as if they happened at once (SBC-3 §4.26).
 *
 * Tasks wait only for those that came before them, so that no two ever wait for each other. Ordinary writes pay for this with one
 * look at `any`.
 */

import type { Awaitable } from '../block/device.ts';
import type { Outcome } from './outcome.ts';
import type { Task } from './task.ts';

interface Held {
  readonly offset: number;
  readonly length: number;
  readonly released: Promise<void>;
}

type Range = Pick<Held, 'offset' | 'length'>;

function overlap(left: Range, right: Range): boolean {
  return left.offset < right.offset + right.length && right.offset < left.offset + left.length;
}

export class ExclusiveRanges {
  readonly #held = new Set<Held>();

  /** Whether anybody holds a range, or waits for one. */
  get any(): boolean {
    return this.#held.size > 0;
  }

  /** Runs `work` once every earlier write to the task's range is over; later ones wait for it. `tasks` are those of the unit. */
  async run(task: Task, tasks: readonly Task[], work: () => Awaitable<Outcome>): Promise<Outcome> {
    const { offset, length } = task;
    const earlier = tasks.filter(
      (other) => other !== task && other.state === 'running' && other.isWrite && overlap(other, task),
    );
    const { promise, resolve } = Promise.withResolvers<void>();
    const held = { offset, length, released: promise };
    this.#held.add(held);
    try {
      if (earlier.length > 0) await Promise.all(earlier.map((other) => other.whenEnded()));
      return await work();
    } finally {
      this.#held.delete(held);
      resolve();
    }
  }

  /** Resolves when those who hold a part of the task's range now have let it go. */
  async whenFree(task: Task): Promise<void> {
    await Promise.all([...this.#held].filter((held) => overlap(held, task)).map((held) => held.released));
  }
}
