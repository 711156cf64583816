/**
 * The three files of a copy-on-write disk, and what may be believed of them.
 *
 * - `data`: sparse, the size of the image; block n of the disk lies at block n of the file.
 * - `map`: the durable map. Only a flush writes it, after `data` was synced: what it points to is always on the disk.
 * - `live`: the map as it is at this moment, written through to the page cache after the data and before a write is acknowledged, never
 *   synced.
 *
 * The page cache outlives the process, so after a kill the live map has every acknowledged write. It does not outlive the kernel,
 * and a power cut may leave any part of the live map on the disk, before the data that it points to. The live map therefore names
 * the boot that it was written in: opened under the same boot it is believed, under any other it is made anew from the durable one.
 *
 * After a power cut each block then reads as something it once was. A block that is `inherit` in the durable map reads from the
 * image, whatever reached `data`. A block that is `zero` there reads as zeros. A block that is `data` there was written and synced
 * before the map was, and since then its place was only changed by acknowledged overwrites, or by a hole, which reads as the zeros
 * that the unmap promised. A block that leaves `inherit` or `zero` is written whole, so that nothing left in its place by a lost
 * write shows.
 */

import { randomBytes } from 'node:crypto';
import { DisklessError } from '../bytes/index.ts';
import type { File, FileSystem } from '../os/file.ts';
import { BlockMap, MAP_PAGE_SIZE } from './block-map.ts';
import {
  decodeOverlayHeader,
  encodeOverlayHeader,
  OVERLAY_BLOCK_SIZE,
  OVERLAY_HEADER_SIZE,
  type OverlayBase,
  type OverlayIdentity,
  sameBytes,
} from './overlay-header.ts';

export interface OverlayPaths {
  readonly data: string;
  readonly map: string;
  readonly live: string;
}

export class OverlayFiles {
  readonly data: File;
  readonly map: BlockMap;
  readonly #durable: File;
  readonly #live: File;
  /** False as long as something written to the durable map, perhaps by an earlier process, may not be on the disk. */
  #durableSynced = false;

  private constructor(data: File, durable: File, live: File, size: number) {
    this.data = data;
    this.#durable = durable;
    this.#live = live;
    this.map = new BlockMap(Math.ceil(size / OVERLAY_BLOCK_SIZE), {
      write: (offset, bytes) => live.writev([bytes], OVERLAY_HEADER_SIZE + offset),
    });
  }

  /**
   * Opens the disk, and makes it when there is none. Raises FILE_LOCKED, FILE_NO_SPACE, OVERLAY_BASE_MISMATCH, OVERLAY_VERSION,
   * OVERLAY_CORRUPT, OVERLAY_MAP_MISSING.
   */
  static async open(fileSystem: FileSystem, paths: OverlayPaths, base: OverlayBase): Promise<OverlayFiles> {
    if (fileSystem.status(paths.map) === undefined) await create(fileSystem, paths, base);
    const opened: File[] = [];
    const open = (path: string, mode: 'write' | 'create'): File => {
      const file = fileSystem.open(path, mode);
      opened.push(file);
      return file;
    };
    try {
      const data = open(paths.data, 'write');
      data.lock();
      const durable = open(paths.map, 'write');
      const live = open(paths.live, fileSystem.status(paths.live) === undefined ? 'create' : 'write');
      const files = new OverlayFiles(data, durable, live, base.size);
      await files.#load(paths, base, fileSystem.bootId());
      return files;
    } catch (error) {
      await Promise.allSettled(opened.map((file) => file.close()));
      throw error;
    }
  }

  async #load(paths: OverlayPaths, base: OverlayBase, bootId: string): Promise<void> {
    const identity = readHeader(this.#durable, paths.map);
    if (identity === undefined) throw corrupt(paths.map, 'its header is damaged');
    checkBase(identity, base, paths.map);
    if (this.data.size() !== base.size) throw corrupt(paths.data, `it has ${this.data.size()} bytes, not ${base.size}`);
    const durablePages = await readPages(this.#durable, this.map.pageCount, paths.map);
    const live = readHeader(this.#live, paths.live);
    if (live?.bootId !== bootId) {
      await this.#remakeLive(durablePages, { ...identity, bootId });
      for (const [index, page] of durablePages) this.map.loadPage(index, page);
      return;
    }
    if (!sameBytes(live.diskId, identity.diskId)) throw corrupt(paths.live, 'it belongs to another disk');
    for (const [index, page] of await readPages(this.#live, this.map.pageCount, paths.live)) {
      this.map.loadPage(index, page);
      const saved = durablePages.get(index);
      if (saved === undefined || !sameBytes(saved, page)) this.map.markDirty(index);
    }
  }

  /** The header goes last: a live map that was not finished is not believed. */
  async #remakeLive(pages: ReadonlyMap<number, Uint8Array>, identity: OverlayIdentity): Promise<void> {
    this.#live.truncate(0);
    this.#live.truncate(fileSize(this.map.pageCount));
    for (const [index, page] of pages) await this.#live.write(page, pageOffset(index));
    await this.#live.write(encodeOverlayHeader(identity), 0);
  }

  /** Makes everything written so far survive a power cut. One call at a time. */
  async save(): Promise<void> {
    // Copies: the pages may change while the data is synced, and must not say more than was synced.
    const pages = this.map.takeDirty().map((index) => ({ index, bytes: this.map.page(index)?.slice() }));
    try {
      await this.data.sync();
      if (pages.length === 0 && this.#durableSynced) return;
      this.#durableSynced = false;
      for (const { index, bytes } of pages) {
        if (bytes !== undefined) await this.#durable.write(bytes, pageOffset(index));
      }
      await this.#durable.sync();
      this.#durableSynced = true;
    } catch (error) {
      for (const { index } of pages) this.map.markDirty(index);
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.data.close(), this.#durable.close(), this.#live.close()]);
  }
}

/** Each file appears under its name only when it is whole and on the disk; the map comes last and says that there is a disk. */
async function create(fileSystem: FileSystem, paths: OverlayPaths, base: OverlayBase): Promise<void> {
  await checkNothingLost(fileSystem, paths);
  await fileSystem.remove(paths.live); // an older disk's would be believed
  await createFile(fileSystem, paths.data, (file) => file.truncate(base.size));
  await createFile(fileSystem, paths.map, async (file) => {
    file.truncate(fileSize(pageCount(base.size)));
    await file.write(encodeOverlayHeader({ base, diskId: randomBytes(16), bootId: '' }), 0);
  });
}

/** Data without a map is what a creation cut short leaves, as long as nothing was written to it. */
async function checkNothingLost(fileSystem: FileSystem, paths: OverlayPaths): Promise<void> {
  if (fileSystem.status(paths.data) === undefined) return;
  const data = fileSystem.open(paths.data, 'write');
  try {
    data.lock();
    const extents = await data.extents(0, data.size());
    if (extents.every((extent) => extent.hole)) return;
  } finally {
    await data.close();
  }
  throw new DisklessError('OVERLAY_MAP_MISSING', `${paths.data} has data, but its map ${paths.map} is missing`, {
    hint: 'Restore the map from a backup, or remove the data file to start with a fresh disk.',
  });
}

async function createFile(
  fileSystem: FileSystem,
  path: string,
  fill: (file: File) => void | Promise<void>,
): Promise<void> {
  const temporary = `${path}.new`;
  const file = fileSystem.open(temporary, 'create');
  try {
    await fill(file);
    await file.sync();
  } finally {
    await file.close();
  }
  await fileSystem.rename(temporary, path);
}

function pageCount(size: number): number {
  return Math.ceil(size / (OVERLAY_BLOCK_SIZE * MAP_PAGE_SIZE * 4));
}

function pageOffset(index: number): number {
  return OVERLAY_HEADER_SIZE + index * MAP_PAGE_SIZE;
}

function fileSize(pages: number): number {
  return pageOffset(pages);
}

function readHeader(file: File, path: string): OverlayIdentity | undefined {
  const header = new Uint8Array(OVERLAY_HEADER_SIZE);
  return file.readSync(header, 0) === header.length ? decodeOverlayHeader(header, path) : undefined;
}

/** The pages that have a block of their own, by index. Holes are not read: an untouched map of a huge disk costs nothing. */
async function readPages(file: File, count: number, path: string): Promise<Map<number, Uint8Array>> {
  const pages = new Map<number, Uint8Array>();
  for (const extent of await file.extents(OVERLAY_HEADER_SIZE, count * MAP_PAGE_SIZE)) {
    if (extent.hole) continue;
    const first = Math.floor((extent.offset - OVERLAY_HEADER_SIZE) / MAP_PAGE_SIZE);
    const end = Math.ceil((extent.offset + extent.length - OVERLAY_HEADER_SIZE) / MAP_PAGE_SIZE);
    for (let index = first; index < end; index++) {
      const page = new Uint8Array(MAP_PAGE_SIZE);
      if (file.readSync(page, pageOffset(index)) !== page.length) throw corrupt(path, 'it is too short');
      const content = contentOf(page);
      if (content === 'damaged') throw corrupt(path, `page ${index} is damaged`);
      if (content === 'used') pages.set(index, page);
    }
  }
  return pages;
}

/** A block with both of its bits set is in no state. Word by word: a large map has millions of them. */
function contentOf(page: Uint8Array): 'empty' | 'used' | 'damaged' {
  const words = new Uint32Array(page.buffer, page.byteOffset, page.length / 4);
  let seen = 0;
  for (const word of words) {
    if ((word & (word >>> 1) & 0x5555_5555) !== 0) return 'damaged';
    seen |= word;
  }
  return seen === 0 ? 'empty' : 'used';
}

function checkBase(identity: OverlayIdentity, base: OverlayBase, path: string): void {
  if (identity.base.size === base.size && sameBytes(identity.base.identity, base.identity)) return;
  const made = Buffer.from(identity.base.identity).toString('hex').slice(0, 12);
  const given = Buffer.from(base.identity).toString('hex').slice(0, 12);
  throw new DisklessError(
    'OVERLAY_BASE_MISMATCH',
    `${path} was made over image ${made} (${identity.base.size} bytes), not over ${given} (${base.size} bytes)`,
    { hint: 'Give the image that it was made over, or start with a fresh disk.' },
  );
}

function corrupt(path: string, why: string): DisklessError {
  return new DisklessError('OVERLAY_CORRUPT', `${path} cannot be used: ${why}`, {
    hint: 'Restore the disk from a backup, or remove its files to start with a fresh one.',
  });
}
