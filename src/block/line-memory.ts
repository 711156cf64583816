/**
 * Where the lines of a cached device lie. Each has a memory of its own, which ends with it and with the slices of it that are on
 * their way; but lines that are sure to stay, as there is room for the whole device, lie side by side in large pieces of memory. What
 * leads to the bytes of a line, the collector's object and the page table, is then little enough for the processor to have at hand.
 */

// The global of this name is an accessor, which would be called for each READ.
import { Buffer } from 'node:buffer';
import { inOnePiece, memoryOf } from '../bytes/index.ts';
import { pagedMemory } from '../os/huge-pages.ts';

const PIECE_SIZE = 32 << 20;

export interface LineMemoryOptions {
  /** Bytes of the device. */
  readonly size: number;
  readonly lineSize: number;
  /** No line is ever dropped. */
  readonly allStay: boolean;
  /** Of the pieces: a multiple of `lineSize`. Default 32 MiB. */
  readonly pieceSize?: number;
}

export class LineMemory {
  readonly #lineSize: number;
  readonly #pieceSize: number;
  /** By their places on the device; undefined where each line is alone. */
  readonly #pieces: (ArrayBuffer | undefined)[] | undefined;
  /** Where the first byte of each piece lies in its memory. */
  readonly #starts: number[];
  /** The memory of every line that is a hole. */
  readonly zeros: ArrayBuffer;

  constructor(options: LineMemoryOptions) {
    const { size, lineSize, allStay, pieceSize = PIECE_SIZE } = options;
    this.#lineSize = lineSize;
    this.#pieceSize = Math.min(Math.max(pieceSize, lineSize), Math.ceil(size / lineSize) * lineSize);
    const count = allStay ? Math.ceil(size / this.#pieceSize) : 0;
    this.#pieces = allStay ? new Array<ArrayBuffer | undefined>(count).fill(undefined) : undefined;
    this.#starts = new Array<number>(count).fill(0);
    this.zeros = new ArrayBuffer(lineSize);
  }

  /** The memory of a line of these bytes, which begins at `offset` of the device, for `slice`. */
  keep(offset: number, parts: readonly Uint8Array[]): ArrayBufferLike {
    // Bases answer in one piece as a rule; what comes in several is joined once, so that every hit is one slice.
    if (this.#pieces === undefined) return memoryOf(inOnePiece(parts));
    const piece = this.#pieceAt(this.#pieces, Math.floor(offset / this.#pieceSize));
    const line = new Uint8Array(piece, this.#startIn(piece, offset), this.#lineSize);
    let filled = 0;
    for (const part of parts) {
      line.set(part, filled);
      filled += part.length;
    }
    return piece;
  }

  #pieceAt(pieces: (ArrayBuffer | undefined)[], place: number): ArrayBuffer {
    const known = pieces[place];
    if (known !== undefined) return known;
    const { memory, start } = pagedMemory(this.#pieceSize);
    pieces[place] = memory;
    this.#starts[place] = start;
    return memory;
  }

  /** What a line has from `offset` of the device on. */
  slice(line: ArrayBufferLike, offset: number, length: number): Buffer {
    return Buffer.from(line, this.#startIn(line, offset), length);
  }

  /** What lines have from `offset` of the device on: one slice of those that lie side by side. The first of them is the offset's. */
  slices(lines: readonly ArrayBufferLike[], offset: number, length: number): Buffer[] {
    const slices: Buffer[] = [];
    const end = offset + length;
    let at = offset;
    let edge = offset - restOf(offset, this.#lineSize);
    for (let index = 0; index < lines.length; index++) {
      const line = lines[index] ?? this.zeros;
      edge += this.#lineSize;
      if (line === lines[index + 1] && line !== this.zeros) continue;
      slices.push(this.slice(line, at, Math.min(edge, end) - at));
      at = edge;
    }
    return slices;
  }

  #startIn(line: ArrayBufferLike, offset: number): number {
    if (this.#pieces === undefined || line === this.zeros) return restOf(offset, this.#lineSize);
    const place = Math.floor(offset / this.#pieceSize);
    return offset - place * this.#pieceSize + (this.#starts[place] ?? 0);
  }

  /** When no line is coming any more. */
  clear(): void {
    this.#pieces?.fill(undefined);
  }
}

/** Of large numbers the operator is slower by much. */
function restOf(offset: number, size: number): number {
  return offset - Math.floor(offset / size) * size;
}
