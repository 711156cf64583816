/**
 * Where each block of a copy-on-write disk is to be read from: two bits for a block, four blocks in a byte (the first in the
 * lowest bits), in pages of 4096 bytes that exist once one of their blocks is no longer the image's. A page describes 64 MiB of
 * disk, so that the map of an untouched 1 TiB disk is one array of 16384 empty places.
 *
 * A change is told to the `mirror` before it is made here: when the mirror raises, nothing has changed. Changes are made one after the
 * other, as several blocks share a byte.
 */

import type { Awaitable } from './device.ts';

export const BlockState = {
  /** The image's block. */
  inherit: 0,
  /** The disk's own data file has it. */
  data: 1,
  zero: 2,
} as const;

export type BlockState = (typeof BlockState)[keyof typeof BlockState];

/** Bytes of a page of the map. */
export const MAP_PAGE_SIZE = 4096;
const BLOCKS_PER_BYTE = 4;
const BLOCKS_PER_PAGE = MAP_PAGE_SIZE * BLOCKS_PER_BYTE;

/** Keeps a copy of the map somewhere. */
export interface BlockMapMirror {
  /** `bytes` are the map's new content at byte `offset`; they stay as they are. */
  write(offset: number, bytes: Uint8Array): Awaitable<void>;
}

export class BlockMap {
  readonly blocks: number;
  readonly #pages: (Uint8Array | undefined)[];
  /** Pages that differ from what was last saved. */
  readonly #dirty = new Set<number>();
  readonly #mirror: BlockMapMirror;
  /** Done when the last change that the mirror has not taken at once is made, or has failed. */
  #changing: Promise<void> | undefined;

  constructor(blocks: number, mirror: BlockMapMirror) {
    this.blocks = blocks;
    this.#pages = new Array(Math.ceil(blocks / BLOCKS_PER_PAGE));
    this.#mirror = mirror;
  }

  get pageCount(): number {
    return this.#pages.length;
  }

  /** The page's content; undefined when all of its blocks are inherited. */
  page(index: number): Uint8Array | undefined {
    return this.#pages[index];
  }

  /** Sets a page as it was saved. The mirror is not told. */
  loadPage(index: number, bytes: Uint8Array): void {
    this.#pages[index] = bytes;
  }

  markDirty(index: number): void {
    this.#dirty.add(index);
  }

  /** The indexes of the dirty pages, which are clean from now on. */
  takeDirty(): number[] {
    const taken = [...this.#dirty];
    this.#dirty.clear();
    return taken;
  }

  get hasDirty(): boolean {
    return this.#dirty.size > 0;
  }

  state(block: number): BlockState {
    const page = this.#pages[Math.floor(block / BLOCKS_PER_PAGE)];
    if (page === undefined) return BlockState.inherit;
    return stateIn(page, block % BLOCKS_PER_PAGE);
  }

  /** The first block after `block` whose state is another one, at most `end`. */
  runEnd(block: number, end: number): number {
    const state = this.state(block);
    const pattern = state * 0b01010101;
    let at = block + 1;
    while (at < end) {
      const page = this.#pages[Math.floor(at / BLOCKS_PER_PAGE)];
      const within = at % BLOCKS_PER_PAGE;
      if (page === undefined) {
        if (state !== BlockState.inherit) return at;
        at += BLOCKS_PER_PAGE - within;
      } else if (within % BLOCKS_PER_BYTE === 0 && page[within / BLOCKS_PER_BYTE] === pattern) {
        at += BLOCKS_PER_BYTE;
      } else if (stateIn(page, within) === state) {
        at++;
      } else {
        return at;
      }
    }
    return end;
  }

  /** Gives blocks `first` up to and without `end` a state. Raises what the mirror raises; pages before that one stay changed. */
  set(first: number, end: number, state: BlockState): Awaitable<void> {
    const earlier = this.#changing;
    const change =
      earlier === undefined ? this.#setNow(first, end, state) : earlier.then(() => this.#setNow(first, end, state));
    if (!(change instanceof Promise)) return;
    const over = (): void => {
      if (this.#changing === changing) this.#changing = undefined;
    };
    const changing = change.then(over, over);
    this.#changing = changing;
    return change;
  }

  #setNow(first: number, end: number, state: BlockState): Awaitable<void> {
    for (let at = first; at < end; ) {
      if (this.state(at) === state) {
        at = this.runEnd(at, end);
        continue;
      }
      const index = Math.floor(at / BLOCKS_PER_PAGE);
      const start = index * BLOCKS_PER_PAGE;
      const stop = Math.min(end, start + BLOCKS_PER_PAGE);
      const done = this.#setInPage(index, at - start, stop - start, state);
      if (done instanceof Promise) return done.then(() => this.#setNow(stop, end, state));
      at = stop;
    }
  }

  #setInPage(index: number, first: number, end: number, state: BlockState): Awaitable<void> {
    const page = this.#pages[index] ?? new Uint8Array(MAP_PAGE_SIZE);
    const firstByte = Math.floor(first / BLOCKS_PER_BYTE);
    const changed = page.slice(firstByte, Math.ceil(end / BLOCKS_PER_BYTE));
    fill(changed, first - firstByte * BLOCKS_PER_BYTE, end - firstByte * BLOCKS_PER_BYTE, state);
    const mirrored = this.#mirror.write(index * MAP_PAGE_SIZE + firstByte, changed);
    if (mirrored instanceof Promise) return mirrored.then(() => this.#change(index, page, firstByte, changed));
    this.#change(index, page, firstByte, changed);
  }

  #change(index: number, page: Uint8Array, firstByte: number, changed: Uint8Array): void {
    page.set(changed, firstByte);
    this.#pages[index] = page;
    this.#dirty.add(index);
  }
}

function stateIn(page: Uint8Array, within: number): BlockState {
  const byte = page[Math.floor(within / BLOCKS_PER_BYTE)] as number;
  return ((byte >> ((within % BLOCKS_PER_BYTE) * 2)) & 3) as BlockState;
}

function fill(bytes: Uint8Array, first: number, end: number, state: BlockState): void {
  let at = first;
  while (at < end) {
    const index = Math.floor(at / BLOCKS_PER_BYTE);
    const shift = (at % BLOCKS_PER_BYTE) * 2;
    if (shift === 0 && end - at >= BLOCKS_PER_BYTE) {
      const whole = Math.floor(end / BLOCKS_PER_BYTE);
      bytes.fill(state * 0b01010101, index, whole);
      at = whole * BLOCKS_PER_BYTE;
    } else {
      bytes[index] = ((bytes[index] as number) & ~(3 << shift)) | (state << shift);
      at++;
    }
  }
}
