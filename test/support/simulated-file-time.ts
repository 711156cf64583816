/** Ticks that are over when a test says so. */

import type { FileTime } from '../../src/os/file-time.ts';

export class SimulatedFileTime implements FileTime {
  now: number | undefined = 0;
  /** The one that comes after a wait. */
  next: number | undefined;

  tick(): number | undefined {
    return this.now;
  }

  nextTick(): number | undefined {
    this.now = this.next;
    return this.now;
  }
}
