/**
 * Whether the disk that files are on shows itself quick. What goes into the page cache of a quick disk is written in the turn of the
 * loop that asks for it, which costs less than half of a way through the thread pool. A disk that hangs or throttles would hold up
 * everything there, so it is written to by the pool until it has been quick for a while.
 */

import type { Clock } from './clock.ts';
import type { DirtyPages } from './dirty-pages.ts';

/**
 * Milliseconds that an operation of a quick disk takes at most, with the time that a busy machine lets it wait for a processor: that
 * says nothing of the disk.
 */
export const QUICK_OPERATION = 25;
/** Milliseconds without a slow write until a disk counts as quick again. */
export const SLOW_TIME = 250;

/** Operations that any disk takes at a time, by far: a queue of SATA has 32 places, and the kernel gives each disk at least 64. */
export const MUCH_TO_DO = 24;

/** An operation in the thread pool. */
export interface PooledOperation {
  readonly began: number;
  readonly writes: boolean;
}

export class DiskPace {
  readonly #clock: Clock;
  readonly #dirtyPages: Pick<DirtyPages, 'areFew'>;
  /** Operations under way, the oldest first. */
  readonly #underWay = new Set<PooledOperation>();
  #slowUntil = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, dirtyPages: Pick<DirtyPages, 'areFew'>) {
    this.#clock = clock;
    this.#dirtyPages = dirtyPages;
  }

  /**
   * False for a while after a slow write, while the kernel may let writers sleep, and while anything at all takes longer than it should:
   * reads and flushes may do that on a disk in good health, but only as long as they are out can nobody tell.
   */
  get isQuick(): boolean {
    const now = this.#clock.monotonic();
    if (now < this.#slowUntil) return false;
    const [oldest] = this.#underWay;
    return (oldest === undefined || now - oldest.began < QUICK_OPERATION) && this.#dirtyPages.areFew(now);
  }

  /** Whether so much is under way that a disk may have no room for more: the kernel lets whoever asks it wait. */
  get hasMuchToDo(): boolean {
    return this.#underWay.size >= MUCH_TO_DO;
  }

  /** The beginning of a write in the turn of the loop, for `wrote`. */
  now(): number {
    return this.#clock.monotonic();
  }

  /** A write that began then is over. */
  wrote(began: number): void {
    const now = this.#clock.monotonic();
    if (now - began >= QUICK_OPERATION) this.#slowUntil = now + SLOW_TIME;
  }

  /** An operation goes to the pool now; `writes` tells one that may be made in the loop instead. */
  enterPool(writes: boolean): PooledOperation {
    const operation = { began: this.#clock.monotonic(), writes };
    this.#underWay.add(operation);
    return operation;
  }

  leavePool(operation: PooledOperation): void {
    this.#underWay.delete(operation);
    if (operation.writes) this.wrote(operation.began);
  }
}
