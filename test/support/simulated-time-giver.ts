/** Gives files their time at once, or when a test says so. */

import type { TimeGiver } from '../../src/os/time-giver.ts';

export class SimulatedTimeGiver implements TimeGiver {
  /** The files of each call. */
  readonly calls: (readonly number[])[] = [];
  /** False: the disk hangs. */
  isQuick = true;
  #late: { readonly files: readonly number[]; readonly done: PromiseWithResolvers<void> } | undefined;

  get isFree(): boolean {
    return this.#late === undefined;
  }

  give(files: readonly number[]): boolean {
    this.calls.push(files);
    if (!this.isQuick) this.#late = { files, done: Promise.withResolvers() };
    return this.isQuick;
  }

  whenDoneWith(file: number): Promise<void> | undefined {
    return this.#late?.files.includes(file) ? this.#late.done.promise : undefined;
  }

  /** The disk hangs no more. */
  goOn(): void {
    this.isQuick = true;
    this.#late?.done.resolve();
    this.#late = undefined;
  }
}
