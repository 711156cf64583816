/**
 * A machine's own disk over an image that all share: reads what it never wrote from the image, and keeps what it wrote in files
 * of its own (overlay-files.ts, which also says what survives what).
 *
 * A write that covers whole blocks, or blocks that are the disk's own already, is done in this turn of the loop as long as its disk
 * is quick. One that begins a block of the image in its middle copies the rest of the block from there; the image may answer later.
 * Changes that have blocks in common are made one after the other (change-order.ts): what a block becomes depends on what it is.
 */

import { inOnePiece, totalLength } from '../bytes/index.ts';
import type { FileSystem } from '../os/file.ts';
import { shortLivedBuffer } from '../os/short-lived-memory.ts';
import { BlockState } from './block-map.ts';
import { ChangeOrder } from './change-order.ts';
import type { Awaitable, Capabilities, Device, Extent, WriteOptions } from './device.ts';
import { deviceError } from './device-error.ts';
import { OverlayFiles, type OverlayPaths } from './overlay-files.ts';
import { OVERLAY_BLOCK_SIZE } from './overlay-header.ts';

const BLOCK = OVERLAY_BLOCK_SIZE;
const zeros = new Uint8Array(256 * 1024);
const zeroBlock = zeros.subarray(0, BLOCK);

const capabilities: Capabilities = {
  flush: 'native',
  fua: 'emulated',
  unmap: 'native',
  writeZeroes: 'native',
  extents: 'native',
};

/**
 * Opens the disk at `paths` over `base`, and makes it when there is none. `identity` (32 bytes) names the base's content: a disk
 * made over another is refused. The base stays its owner's: closing the disk does not close it. Raises as OverlayFiles.open does.
 */
export async function openOverlay(
  fileSystem: FileSystem,
  paths: OverlayPaths,
  base: Device,
  identity: Uint8Array,
): Promise<OverlayDevice> {
  const files = await OverlayFiles.open(fileSystem, paths, { identity, size: base.size });
  return new OverlayDevice(files, base, paths.data);
}

export class OverlayDevice implements Device {
  readonly size: number;
  readonly blockSize: number;
  readonly physicalBlockSize = BLOCK;
  readonly readOnly = false;
  readonly capabilities = capabilities;
  readonly #files: OverlayFiles;
  readonly #base: Device;
  readonly #name: string;
  readonly #changes = new ChangeOrder();
  /** Something may not be on the disk yet; at first because an earlier process may have been killed before its flush. */
  #unsaved = true;
  #saving: Promise<void> | undefined;
  #nextSave: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  readonly #closed: (() => void) | undefined;

  /** Takes over the files; `closed` is called once they are closed. */
  constructor(files: OverlayFiles, base: Device, name: string, closed?: () => void) {
    this.#closed = closed;
    this.#files = files;
    this.#base = base;
    this.#name = name;
    this.size = base.size;
    this.blockSize = base.blockSize;
  }

  read(offset: number, length: number): Awaitable<readonly Uint8Array[]> {
    const earlier = this.#changes.earlier(offset, offset + length);
    return earlier === undefined ? this.#readNow(offset, length) : earlier.then(() => this.#readNow(offset, length));
  }

  #readNow(offset: number, length: number): Awaitable<readonly Uint8Array[]> {
    const first = Math.floor(offset / BLOCK);
    const end = Math.floor((offset + length - 1) / BLOCK) + 1;
    const { map } = this.#files;
    const runEnd = map.runEnd(first, end);
    if (runEnd === end) return this.#readRun(map.state(first), offset, length);
    return this.#readRuns(offset, length, first, end);
  }

  #readRuns(offset: number, length: number, first: number, end: number): Awaitable<readonly Uint8Array[]> {
    const { map } = this.#files;
    const runs: Awaitable<readonly Uint8Array[]>[] = [];
    let waiting = false;
    for (let block = first; block < end; ) {
      const runEnd = map.runEnd(block, end);
      const from = Math.max(offset, block * BLOCK);
      const run = this.#readRun(map.state(block), from, Math.min(offset + length, runEnd * BLOCK) - from);
      waiting ||= run instanceof Promise;
      runs.push(run);
      block = runEnd;
    }
    if (waiting) return Promise.all(runs).then((parts) => parts.flat());
    return (runs as (readonly Uint8Array[])[]).flat();
  }

  #readRun(state: BlockState, offset: number, length: number): Awaitable<readonly Uint8Array[]> {
    if (state === BlockState.inherit) return this.#base.read(offset, length);
    if (state === BlockState.zero) return zeroBuffers(length);
    // A fresh buffer for every read: the next write must not change what a socket still has to send.
    const buffer = shortLivedBuffer(length);
    let count: number;
    try {
      count = this.#files.data.readNoWait(buffer, offset);
    } catch (error) {
      throw deviceError(error, `read ${this.#name}`);
    }
    return count === length ? [buffer] : this.#readRest(buffer, offset, count);
  }

  async #readRest(buffer: Uint8Array, offset: number, done: number): Promise<readonly Uint8Array[]> {
    try {
      const count = await this.#files.data.read(buffer.subarray(done), offset + done);
      if (done + count < buffer.length) throw new Error(`the file ends at byte ${offset + done + count}`);
      return [buffer];
    } catch (error) {
      throw deviceError(error, `read ${this.#name}`);
    }
  }

  write(offset: number, data: readonly Uint8Array[], options?: WriteOptions): Awaitable<void> {
    return this.#durably(this.#make(offset + totalLength(data), this.#store, offset, data), options);
  }

  /** Makes a change that ends there in its order among those of the same blocks. */
  #make<T>(
    end: number,
    change: (offset: number, what: T) => Awaitable<void>,
    offset: number,
    what: T,
  ): Awaitable<void> {
    return this.#changes.make(startOfBlock(offset), startOfBlock(end + BLOCK - 1), change, offset, what);
  }

  #durably(done: Awaitable<void>, options: WriteOptions | undefined): Awaitable<void> {
    if (!options?.fua) return done;
    return done instanceof Promise ? done.then(() => this.flush()) : this.flush();
  }

  readonly #store = (offset: number, data: readonly Uint8Array[]): Awaitable<void> => {
    const end = offset + totalLength(data);
    const first = Math.floor(offset / BLOCK);
    const last = Math.floor((end - 1) / BLOCK);
    const head = offset > first * BLOCK ? this.#blockToFill(first) : zeroBlock;
    const tail =
      end < this.#endOfBlock(last)
        ? last === first && offset > first * BLOCK
          ? head
          : this.#blockToFill(last)
        : zeroBlock;
    if (head instanceof Promise || tail instanceof Promise) {
      return Promise.all([head, tail]).then(([headBlock, tailBlock]) =>
        this.#storeFilled(offset, end, data, headBlock, tailBlock),
      );
    }
    return this.#storeFilled(offset, end, data, head, tail);
  };

  /** What a block reads as where a write does not cover it. Not asked for in a block of the disk's own: the file has it. */
  #blockToFill(block: number): Awaitable<Uint8Array> {
    if (this.#files.map.state(block) !== BlockState.inherit) return zeroBlock;
    const parts = this.#base.read(block * BLOCK, this.#endOfBlock(block) - block * BLOCK);
    return parts instanceof Promise ? parts.then(inOnePiece) : inOnePiece(parts);
  }

  /** `head` and `tail` are what the first and the last block are to read as beside the data. */
  #storeFilled(
    offset: number,
    end: number,
    data: readonly Uint8Array[],
    head: Uint8Array,
    tail: Uint8Array,
  ): Awaitable<void> {
    const { map } = this.#files;
    const first = Math.floor(offset / BLOCK);
    const last = Math.floor((end - 1) / BLOCK);
    const headLength = offset - first * BLOCK;
    const tailLength = this.#endOfBlock(last) - end;
    let start = offset;
    let parts = data;
    if (headLength > 0 && map.state(first) !== BlockState.data) {
      parts = [head.subarray(0, headLength), ...parts];
      start = first * BLOCK;
    }
    if (tailLength > 0 && map.state(last) !== BlockState.data) {
      const from = end - last * BLOCK;
      parts = [...parts, tail.subarray(from, from + tailLength)];
    }
    this.#unsaved = true;
    try {
      const written = this.#files.data.writev(parts, start);
      return this.#marked(written, first, last + 1, BlockState.data, 'write');
    } catch (error) {
      throw deviceError(error, `write ${this.#name}`);
    }
  }

  /** The map follows the data. Raises at once, or rejects, with what either of them does. */
  #marked(data: Awaitable<void>, first: number, end: number, state: BlockState, tried: string): Awaitable<void> {
    const { map } = this.#files;
    const done = data instanceof Promise ? data.then(() => map.set(first, end, state)) : map.set(first, end, state);
    return done instanceof Promise ? this.#lateChange(done, tried) : undefined;
  }

  /** What is done while a flush runs is for the next one. */
  async #lateChange(done: Promise<void>, tried: string): Promise<void> {
    try {
      await done;
    } catch (error) {
      throw deviceError(error, `${tried} ${this.#name}`);
    } finally {
      this.#unsaved = true;
    }
  }

  #endOfBlock(block: number): number {
    return Math.min((block + 1) * BLOCK, this.size);
  }

  unmap(offset: number, length: number): Awaitable<void> {
    return this.writeZeroes(offset, length);
  }

  writeZeroes(offset: number, length: number, options?: WriteOptions): Awaitable<void> {
    return this.#durably(this.#make(offset + length, this.#zero, offset, length), options);
  }

  readonly #zero = (offset: number, length: number): Awaitable<void> => {
    const end = offset + length;
    const firstWhole = Math.ceil(offset / BLOCK);
    const endWhole = end === this.size ? this.#files.map.blocks : Math.floor(end / BLOCK);
    if (firstWhole >= endWhole) return this.#zeroWithinBlocks(offset, end);
    const whole = this.#zeroBlocks(firstWhole, endWhole);
    const ends = (): Awaitable<void> => {
      const head = this.#zeroWithinBlocks(offset, firstWhole * BLOCK);
      const tail = (): Awaitable<void> => this.#zeroWithinBlocks(endWhole * BLOCK, end);
      return head instanceof Promise ? head.then(tail) : tail();
    };
    return whole instanceof Promise ? whole.then(ends) : ends();
  };

  /** Less than two blocks, perhaps nothing. */
  #zeroWithinBlocks(offset: number, end: number): Awaitable<void> {
    if (offset >= end) return;
    const { map } = this.#files;
    const block = Math.floor(offset / BLOCK);
    if (map.state(block) === BlockState.zero && map.runEnd(block, Math.ceil(end / BLOCK)) * BLOCK >= end) return;
    return this.#store(offset, [zeros.subarray(0, end - offset)]);
  }

  /**
   * The hole comes before the map. Killed or cut between the two, a block that is still `data` reads its hole: the zeros that were
   * asked for. And on a full disk the hole makes the room that a new page of the map may need.
   */
  #zeroBlocks(first: number, end: number): Awaitable<void> {
    this.#unsaved = true;
    try {
      return this.#marked(this.#punch(first, end), first, end, BlockState.zero, 'unmap');
    } catch (error) {
      throw deviceError(error, `unmap ${this.#name}`);
    }
  }

  #punch(first: number, end: number): Awaitable<void> {
    const { map, data } = this.#files;
    for (let block = first; block < end; ) {
      const runEnd = map.runEnd(block, end);
      if (map.state(block) === BlockState.data) {
        const punched = data.punchHole(block * BLOCK, this.#endOfBlock(runEnd - 1) - block * BLOCK);
        if (punched instanceof Promise) return punched.then(() => this.#punch(runEnd, end));
      }
      block = runEnd;
    }
  }

  /** Flushes that arrive while one runs share the next: the one that runs may have begun before what they are to cover. */
  flush(): Awaitable<void> {
    if (!this.#unsaved) return this.#saving;
    if (this.#saving === undefined) return this.#save();
    const next = (): Awaitable<void> => {
      this.#nextSave = undefined;
      return this.flush(); // not #save: another may have begun one in this very turn
    };
    this.#nextSave ??= this.#saving.then(next, next);
    return this.#nextSave;
  }

  #save(): Promise<void> {
    this.#unsaved = false;
    const saving = this.#files.save().then(
      () => {
        if (this.#saving === saving) this.#saving = undefined;
      },
      (error: unknown) => {
        if (this.#saving === saving) this.#saving = undefined;
        this.#unsaved = true;
        throw deviceError(error, `flush ${this.#name}`);
      },
    );
    this.#saving = saving;
    return saving;
  }

  extents(offset: number, length: number): Awaitable<readonly Extent[]> {
    const { map } = this.#files;
    const end = Math.ceil((offset + length) / BLOCK);
    const runs: Awaitable<readonly Extent[]>[] = [];
    let waiting = false;
    for (let block = Math.floor(offset / BLOCK); block < end; ) {
      const runEnd = map.runEnd(block, end);
      const from = Math.max(offset, block * BLOCK);
      const run = this.#extentsOfRun(map.state(block), from, Math.min(offset + length, runEnd * BLOCK) - from);
      waiting ||= run instanceof Promise;
      runs.push(run);
      block = runEnd;
    }
    if (waiting) return Promise.all(runs).then((all) => merged(all.flat()));
    return merged((runs as (readonly Extent[])[]).flat());
  }

  #extentsOfRun(state: BlockState, offset: number, length: number): Awaitable<readonly Extent[]> {
    if (state === BlockState.inherit) return this.#base.extents(offset, length);
    const zero = state === BlockState.zero;
    return [{ offset, length, allocated: !zero, zero }];
  }

  /** Flushes, then closes the files. Raises what the flush raised, with the files closed all the same. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.#files.close();
      this.#closed?.();
    }
  }
}

function startOfBlock(offset: number): number {
  return Math.floor(offset / BLOCK) * BLOCK;
}

function zeroBuffers(length: number): Uint8Array[] {
  const buffers: Uint8Array[] = [];
  for (let left = length; left > 0; left -= zeros.length) buffers.push(zeros.subarray(0, Math.min(left, zeros.length)));
  return buffers;
}

function merged(extents: readonly Extent[]): Extent[] {
  const result: Extent[] = [];
  for (const extent of extents) {
    const previous = result.at(-1);
    if (previous?.allocated === extent.allocated && previous.zero === extent.zero) {
      result[result.length - 1] = { ...previous, length: previous.length + extent.length };
    } else {
      result.push(extent);
    }
  }
  return result;
}
