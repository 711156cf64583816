/**
 * One file's share of the thread pool, which all files of the process use: what a disk that stalls has been asked for must not take
 * every thread, or the files of other disks would wait for it. The launcher gives the pool room for several shares.
 */

/** Operations of one file in the pool at a time. */
export const POOL_SHARE = 8;

export class PoolShare {
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  /** Whether the next operation would have to wait. */
  get isFull(): boolean {
    return this.#taken >= POOL_SHARE;
  }

  /** Starts an operation now, or when another one has left. */
  enter(start: () => void): void {
    if (this.isFull) {
      this.#waiting.push(start);
      return;
    }
    this.#taken += 1;
    start();
  }

  /** An operation that has started is over. */
  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken -= 1;
    else next();
  }
}
