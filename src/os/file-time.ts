/**
 * The clock that the kernel takes the times of files from. It stands still for a tick of 1 to 10 milliseconds, and of all writes to a
 * file in one tick the first one changes the file's time. That is what lets a write into the page cache wait for the disk: the time
 * goes into the file system's journal, which waits when the disk hangs. The later writes of the tick have no part in it.
 */

import { endianness } from 'node:os';
import { type FileCalls, fileCalls } from './file-calls.ts';

export interface FileTime {
  /** A number of its own for each tick. Undefined when the tick may be over in a moment, or nobody can tell. */
  tick(): number | undefined;
}

/** Where any write may be the first one of its tick. */
export const noFileTime: FileTime = { tick: () => undefined };

/** Nanoseconds that have to be left of a tick: a write that is asked for now looks at the clock a moment later. */
const TICK_LEFT = 100_000;

const CLOCK_REALTIME = 0;
const CLOCK_REALTIME_COARSE = 5;
const NANOSECONDS = 1_000_000_000;

/** In a `struct timespec`, two numbers of 64 bits: their lower halves are enough to tell ticks apart. */
const [SECONDS_AT, NANOSECONDS_AT] = endianness() === 'LE' ? [0, 2] : [1, 3];

export class KernelFileTime implements FileTime {
  readonly #calls: Pick<FileCalls, 'clockTime'>;
  readonly #timespec = new Int32Array(4);
  /** Nanoseconds since its beginning at which a tick counts as over. */
  readonly #over: number;
  #seconds = 0;
  #nanoseconds = 0;
  #count = 0;

  constructor(calls: Pick<FileCalls, 'clockTime' | 'clockResolution'>) {
    this.#calls = calls;
    calls.clockResolution(CLOCK_REALTIME_COARSE, this.#timespec);
    this.#over = this.#word(NANOSECONDS_AT) - TICK_LEFT;
  }

  tick(): number | undefined {
    this.#calls.clockTime(CLOCK_REALTIME_COARSE, this.#timespec);
    const seconds = this.#word(SECONDS_AT);
    const nanoseconds = this.#word(NANOSECONDS_AT);
    if (seconds !== this.#seconds || nanoseconds !== this.#nanoseconds) {
      this.#seconds = seconds;
      this.#nanoseconds = nanoseconds;
      this.#count++;
    }
    this.#calls.clockTime(CLOCK_REALTIME, this.#timespec);
    const age = (this.#word(SECONDS_AT) - seconds) * NANOSECONDS + this.#word(NANOSECONDS_AT) - nanoseconds;
    return age < this.#over ? this.#count : undefined;
  }

  #word(at: number): number {
    return this.#timespec[at] as number;
  }
}

export const kernelFileTime: FileTime = fileCalls === undefined ? noFileTime : new KernelFileTime(fileCalls);
