/**
 * A memory of an image that never changes, shared by every disk over it: a fleet that boots one image reads the same blocks.
 *
 * The image is kept in lines of `lineSize` bytes. What is in memory is answered in this turn of the loop, as slices of the lines
 * themselves; a line that is not is read whole, once for all who wait for it. A line's memory is never used again for other
 * bytes: slices of it may still be on their way out of a socket long after the line was dropped, and then the garbage collector
 * frees it. Which lines stay is cache-lines.ts's to decide.
 */

import { CacheLines } from './cache-lines.ts';
import type { Awaitable, Capabilities, Device, Extent } from './device.ts';
import { readOnlyError } from './device-error.ts';
import { LineMemory } from './line-memory.ts';

export interface CacheOptions {
  /** Most bytes of lines to keep. Default 512 MiB. */
  readonly budget?: number;
  /** Bytes read at once on a miss: a power of two, a multiple of 4096. Default 64 KiB. */
  readonly lineSize?: number;
  /** Most lines to read ahead of a reader that goes straight on. Default 8; 0 for none. */
  readonly readAhead?: number;
}

/** Counters since the cache was made, in reads and bytes. */
export interface CacheStatistics {
  readonly hits: number;
  readonly misses: number;
  readonly linesRead: number;
  readonly bytesKept: number;
}

const DEFAULT_BUDGET = 512 * 1024 * 1024;
const DEFAULT_LINE_SIZE = 64 * 1024;
const DEFAULT_READ_AHEAD = 8;
/** What a line costs beside its bytes, and all that a line of zeros costs. */
const LINE_OVERHEAD = 128;

const capabilities: Capabilities = {
  flush: 'none',
  fua: 'none',
  unmap: 'none',
  writeZeroes: 'none',
  extents: 'native',
};

export class CacheDevice implements Device {
  readonly size: number;
  readonly blockSize: number;
  readonly physicalBlockSize: number;
  readonly readOnly = true;
  readonly capabilities = capabilities;
  readonly #base: Device;
  readonly #lineSize: number;
  readonly #readAhead: number;
  readonly #memory: LineMemory;
  readonly #lines: CacheLines;
  readonly #loading = new Map<number, Promise<ArrayBufferLike>>();
  #hits = 0;
  #misses = 0;
  #linesRead = 0;

  /** Over `base`, whose content must not change; closing the cache closes it. */
  constructor(base: Device, options: CacheOptions = {}) {
    this.#base = base;
    this.size = base.size;
    this.blockSize = base.blockSize;
    this.physicalBlockSize = base.physicalBlockSize;
    this.#lineSize = options.lineSize ?? DEFAULT_LINE_SIZE;
    this.#readAhead = options.readAhead ?? DEFAULT_READ_AHEAD;
    const budget = options.budget ?? DEFAULT_BUDGET;
    const count = Math.ceil(this.size / this.#lineSize);
    const allStay = count * (this.#lineSize + LINE_OVERHEAD) <= budget;
    this.#memory = new LineMemory({ size: this.size, lineSize: this.#lineSize, allStay });
    this.#lines = new CacheLines(count, budget, (line) => this.#costOf(line));
  }

  get statistics(): CacheStatistics {
    return { hits: this.#hits, misses: this.#misses, linesRead: this.#linesRead, bytesKept: this.#lines.bytesKept };
  }

  read(offset: number, length: number): Awaitable<readonly Uint8Array[]> {
    const first = Math.floor(offset / this.#lineSize);
    const last = Math.floor((offset + length - 1) / this.#lineSize);
    const line = this.#lines.get(first);
    if (line === undefined) return this.#miss(offset, length, first, last);
    this.#touch(first);
    if (first === last) {
      this.#hits++;
      return [this.#memory.slice(line, offset, length)];
    }
    const lines = [line];
    for (let index = first + 1; index <= last; index++) {
      const next = this.#lines.get(index);
      if (next === undefined) return this.#miss(offset, length, first, last);
      this.#touch(index);
      lines.push(next);
    }
    this.#hits++;
    return this.#memory.slices(lines, offset, length);
  }

  #touch(index: number): void {
    if (this.#lines.touch(index)) this.#loadAhead(index + 1);
  }

  /** Gets all lines of the range, in this turn when the base answers in this turn. */
  #miss(offset: number, length: number, first: number, last: number): Awaitable<readonly Uint8Array[]> {
    this.#misses++;
    // A reader that comes from the line before enters at a line's edge and is likely to go on; one that jumps seldom does.
    const straightOn = first < last || (offset === first * this.#lineSize && this.#isKnown(first - 1));
    const lines: Awaitable<ArrayBufferLike>[] = [];
    let waiting = false;
    for (let index = first; index <= last; index++) {
      const line = this.#get(index);
      waiting ||= line instanceof Promise;
      lines.push(line);
    }
    if (straightOn) this.#loadAhead(last + 1);
    if (waiting) return Promise.all(lines).then((all) => this.#memory.slices(all, offset, length));
    return this.#memory.slices(lines as ArrayBufferLike[], offset, length);
  }

  #isKnown(index: number): boolean {
    return this.#lines.get(index) !== undefined || this.#loading.has(index);
  }

  #get(index: number): Awaitable<ArrayBufferLike> {
    const line = this.#lines.get(index);
    if (line !== undefined) {
      this.#touch(index);
      return line;
    }
    return this.#loading.get(index) ?? this.#load(index, false);
  }

  #loadAhead(first: number): void {
    const end = Math.min(first + this.#readAhead, Math.ceil(this.size / this.#lineSize));
    for (let index = first; index < end; index++) {
      if (this.#isKnown(index)) continue;
      try {
        this.#load(index, true);
      } catch {
        return; // nobody asked for it, so nobody need hear that it failed: who asks later tries again
      }
    }
  }

  #load(index: number, ahead: boolean): Awaitable<ArrayBufferLike> {
    const offset = index * this.#lineSize;
    const length = Math.min(this.#lineSize, this.size - offset);
    const bytes = this.#readLine(offset, length);
    if (!(bytes instanceof Promise)) return this.#keep(index, bytes, ahead);
    const line = bytes.then(
      (arrived) => {
        this.#loading.delete(index);
        return this.#keep(index, arrived, ahead);
      },
      (error: unknown) => {
        this.#loading.delete(index);
        throw error;
      },
    );
    this.#loading.set(index, line);
    line.catch(() => undefined); // whoever waits for it hears of it; a line read ahead has nobody who does
    return line;
  }

  #readLine(offset: number, length: number): Awaitable<ArrayBufferLike> {
    const extents = this.#base.extents(offset, length);
    if (!(extents instanceof Promise)) return this.#readUnlessZero(extents, offset, length);
    return extents.then((known) => this.#readUnlessZero(known, offset, length));
  }

  #readUnlessZero(extents: readonly Extent[], offset: number, length: number): Awaitable<ArrayBufferLike> {
    if (extents.every((extent) => extent.zero)) return this.#memory.zeros;
    this.#linesRead++;
    const parts = this.#base.read(offset, length);
    if (!(parts instanceof Promise)) return this.#memory.keep(offset, parts);
    return parts.then((arrived) => this.#memory.keep(offset, arrived));
  }

  #keep(index: number, line: ArrayBufferLike, ahead: boolean): ArrayBufferLike {
    this.#lines.add(index, line, ahead);
    return line;
  }

  #costOf(line: ArrayBufferLike): number {
    return line === this.#memory.zeros ? LINE_OVERHEAD : this.#lineSize + LINE_OVERHEAD;
  }

  write(): never {
    throw readOnlyError('the image');
  }

  flush(): void {}

  unmap(): never {
    throw readOnlyError('the image');
  }

  writeZeroes(): never {
    throw readOnlyError('the image');
  }

  extents(offset: number, length: number): Awaitable<readonly Extent[]> {
    return this.#base.extents(offset, length);
  }

  async close(): Promise<void> {
    this.#lines.clear();
    await this.#base.close();
    this.#memory.clear();
  }
}
