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
  /** Waits for the next one, awake, when this one may be over in a moment. Undefined when that moment was too long. */
  nextTick(): number | undefined;
}

/** Where nobody can tell. */
const noFileTime: FileTime = { tick: () => undefined, nextTick: () => undefined };

/** Nanoseconds that have to be left of a tick: a write that is asked for now looks at the clock a moment later. */
const TICK_LEFT = 30_000;
/** Looks at the clock until the next tick must have begun, if nothing has held it up: a look takes a tenth of a microsecond or more. */
const MOST_LOOKS = 1000;
/** Nanoseconds between two looks that are close enough together to tell when a tick has begun. */
const CLOSE = 50_000;
/** Nanoseconds by which the delay of ticks is believed to grow from one to the next: a single late one says nothing of the others. */
const MORE_DELAY = 20_000;

const CLOCK_REALTIME = 0;
const CLOCK_REALTIME_COARSE = 5;
const NANOSECONDS = 1_000_000_000;

/** In a `struct timespec`, two numbers of 64 bits: their lower halves are enough to tell ticks apart. */
const [SECONDS_AT, NANOSECONDS_AT] = endianness() === 'LE' ? [0, 2] : [1, 3];

export class KernelFileTime implements FileTime {
  readonly #calls: Pick<FileCalls, 'clockTime'>;
  readonly #timespec = new Int32Array(4);
  /** Nanoseconds. */
  readonly #length: number;
  /** The time that the tick has. */
  #seconds = 0;
  #nanoseconds = 0;
  #count = 0;
  /** Nanoseconds from that time to the last look. */
  #looked = Number.NEGATIVE_INFINITY;
  /** Nanoseconds by which ticks begin later than the time that they have. */
  #delay = 0;

  constructor(calls: Pick<FileCalls, 'clockTime' | 'clockResolution'>) {
    this.#calls = calls;
    calls.clockResolution(CLOCK_REALTIME_COARSE, this.#timespec);
    this.#length = this.#word(NANOSECONDS_AT);
  }

  tick(): number | undefined {
    this.#calls.clockTime(CLOCK_REALTIME_COARSE, this.#timespec);
    const seconds = this.#word(SECONDS_AT);
    const nanoseconds = this.#word(NANOSECONDS_AT);
    this.#calls.clockTime(CLOCK_REALTIME, this.#timespec);
    const age = (this.#word(SECONDS_AT) - seconds) * NANOSECONDS + this.#word(NANOSECONDS_AT) - nanoseconds;
    if (seconds !== this.#seconds || nanoseconds !== this.#nanoseconds) this.#begin(seconds, nanoseconds, age);
    this.#looked = age;
    return age < this.#length + this.#delay - TICK_LEFT ? this.#count : undefined;
  }

  nextTick(): number | undefined {
    for (let look = 0; look < MOST_LOOKS; look++) {
      const tick = this.tick();
      if (tick !== undefined) return tick;
    }
    return undefined;
  }

  #begin(seconds: number, nanoseconds: number, age: number): void {
    const length = (seconds - this.#seconds) * NANOSECONDS + nanoseconds - this.#nanoseconds;
    // At the last look this tick had not begun.
    const looked = this.#looked - length;
    if (age - looked < CLOSE) this.#delay = Math.max(0, Math.min(looked, this.#delay + MORE_DELAY));
    this.#seconds = seconds;
    this.#nanoseconds = nanoseconds;
    this.#count++;
  }

  #word(at: number): number {
    return this.#timespec[at] as number;
  }
}

export const kernelFileTime: FileTime = fileCalls === undefined ? noFileTime : new KernelFileTime(fileCalls);
