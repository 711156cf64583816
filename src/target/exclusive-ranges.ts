/**
 * Ranges of a medium that somebody has to himself: COMPARE AND WRITE, ORWRITE and WRITE ATOMIC look to all other writes as if they
 * happened at once (SBC-3), a token stands for what a range holds at one moment, and a copy manager's writes belong to no task.
 *
 * Everybody waits only for those who came before, so that no two ever wait for each other. Ordinary writes pay for this with one look
 * at `any`.
 */

import type { Awaitable } from '../block/device.ts';
import type { Task } from './task.ts';

/** Bytes of the medium. */
export interface MediumRange {
  readonly offset: number;
  readonly length: number;
}

interface Held extends MediumRange {
  readonly released: Promise<void>;
}

export function overlap(left: MediumRange, right: MediumRange): boolean {
  return left.offset < right.offset + right.length && right.offset < left.offset + left.length;
}

/** A task that may be at the medium to change its range. */
function isChanging(task: Task): boolean {
  return task.state === 'running' && task.entry?.medium === 'write';
}

export class ExclusiveRanges {
  readonly #held = new Set<Held>();

  /** Whether anybody holds a range, or waits for one. */
  get any(): boolean {
    return this.#held.size > 0;
  }

  /**
   * Runs `work` once every earlier change of the range is over; later ones wait for it. `tasks` are those of the unit; `range` may be
   * one of them.
   */
  async run<T>(range: MediumRange, tasks: readonly Task[], work: () => Awaitable<T>): Promise<T> {
    const { offset, length } = range;
    const earlier = tasks
      .filter((task) => task !== range && isChanging(task) && overlap(task, range))
      .map((task) => task.whenEnded());
    const held = this.#holdersOf(range);
    const { promise, resolve } = Promise.withResolvers<void>();
    const own = { offset, length, released: promise };
    this.#held.add(own);
    try {
      if (earlier.length + held.length > 0) await Promise.all([...earlier, ...held]);
      return await work();
    } finally {
      this.#held.delete(own);
      resolve();
    }
  }

  /** Resolves when those who hold a part of the range now have let it go. */
  async whenFree(range: MediumRange): Promise<void> {
    await Promise.all(this.#holdersOf(range));
  }

  #holdersOf(range: MediumRange): Promise<void>[] {
    return [...this.#held].filter((held) => overlap(held, range)).map(({ released }) => released);
  }
}
