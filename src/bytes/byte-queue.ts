/**
 * The bytes of a stream, in the chunks they arrived in. They are taken in order as slices of those chunks, and copied only where a
 * piece has to be in one buffer and lies in several.
 */

import { partOf } from './part.ts';

const nothing = new Uint8Array(0);
/** Chunks that are done with before the list of them is cut. */
const MAX_USED_CHUNKS = 64;

export class ByteQueue {
  /** `#offset` bytes of the first chunk that counts are used up. `#first` counts chunks that are done with. */
  #chunks: Uint8Array[] = [];
  #first = 0;
  #offset = 0;
  #length = 0;

  /** Bytes that have arrived and not been taken. */
  get length(): number {
    return this.#length;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** One byte ahead of what is taken next; it must have arrived. */
  peek(ahead: number): number {
    this.#check(ahead + 1);
    let index = this.#first;
    let at = this.#offset + ahead;
    let chunk = this.#chunks[index] ?? nothing;
    while (at >= chunk.length) {
      at -= chunk.length;
      index += 1;
      chunk = this.#chunks[index] ?? nothing;
    }
    return chunk[at] ?? 0;
  }

  /** The number in the four bytes that are taken next; they must have arrived. */
  peekU32(): number {
    return this.peek(0) * 2 ** 24 + ((this.peek(1) << 16) | (this.peek(2) << 8) | this.peek(3));
  }

  /** `length` bytes in one buffer: a slice when they lie in one chunk, else a copy. So many must have arrived. */
  take(length: number): Uint8Array {
    if (length === 0) return nothing;
    this.#check(length);
    const chunk = this.#chunks[this.#first] ?? nothing;
    if (chunk.length - this.#offset >= length) {
      const slice = partOf(chunk, this.#offset, this.#offset + length);
      this.#advance(length, chunk);
      return slice;
    }
    const copy = new Uint8Array(length);
    let filled = 0;
    for (const slice of this.takeSlices(length)) {
      copy.set(slice, filled);
      filled += slice.length;
    }
    return copy;
  }

  /** `length` bytes in as many buffers as they arrived in. So many must have arrived. */
  takeSlices(length: number): Uint8Array[] {
    this.#check(length);
    const slices: Uint8Array[] = [];
    for (let left = length; left > 0; ) {
      const chunk = this.#chunks[this.#first] ?? nothing;
      const size = Math.min(left, chunk.length - this.#offset);
      slices.push(partOf(chunk, this.#offset, this.#offset + size));
      this.#advance(size, chunk);
      left -= size;
    }
    return slices;
  }

  #check(length: number): void {
    if (length > this.#length) throw new RangeError(`${length} bytes are wanted, ${this.#length} have arrived`);
  }

  /** Moves on within the first chunk, and drops it once it is used up. */
  #advance(length: number, chunk: Uint8Array): void {
    this.#length -= length;
    this.#offset += length;
    if (this.#offset < chunk.length) return;
    this.#offset = 0;
    this.#first += 1;
    if (this.#first === this.#chunks.length) {
      this.#chunks.length = 0;
      this.#first = 0;
    } else if (this.#first > MAX_USED_CHUNKS) {
      this.#chunks.splice(0, this.#first);
      this.#first = 0;
    }
  }
}
