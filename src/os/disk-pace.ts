/**
 * Whether the disk that files are on shows itself quick. What goes into the page cache of a quick disk is written in the turn of the
 * loop that asks for it, which costs less than half of a way through the thread pool. A disk that hangs or throttles would hold up
 * everything there, so it is written to by the pool until it has been quick for a while; and so is one that nothing was written to
 * just now, as nobody can tell what has become of it.
 */

import type { Clock } from './clock.ts';

/**
 * Milliseconds that an operation of a quick disk takes at most, with the time that a busy machine lets it wait for a processor: that
 * says nothing of the disk.
 */
export const QUICK_OPERATION = 25;
/** Milliseconds without a slow write until a disk counts as quick again. */
export const SLOW_TIME = 250;

/** Milliseconds for which a quick write vouches for its disk. */
export const PROOF_TIME = 25;

/** An operation in the thread pool. */
export interface PooledOperation {
  readonly began: number;
  readonly writes: boolean;
}

export class DiskPace {
  readonly #clock: Clock;
  /** Operations under way, the oldest first. */
  readonly #underWay = new Set<PooledOperation>();
  #slowUntil = Number.NEGATIVE_INFINITY;
  #provenUntil = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * False unless a write was quick just now, for a while after a slow one, and while anything at all takes longer than it should: reads
   * and flushes may do that on a disk in good health, but only as long as they are out can nobody tell.
   */
  get isQuick(): boolean {
    const now = this.#clock.monotonic();
    if (now < this.#slowUntil || now >= this.#provenUntil) return false;
    if (this.#underWay.size === 0) return true;
    const [oldest] = this.#underWay;
    return oldest === undefined || now - oldest.began < QUICK_OPERATION;
  }

  /** The beginning of a write in the turn of the loop, for `wrote`. */
  now(): number {
    return this.#clock.monotonic();
  }

  /** A write that began then is over. */
  wrote(began: number): void {
    const now = this.#clock.monotonic();
    if (now - began >= QUICK_OPERATION) this.#slowUntil = now + SLOW_TIME;
    else this.#provenUntil = now + PROOF_TIME;
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
