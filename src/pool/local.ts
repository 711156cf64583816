/**
 * The embedded pool: a directory with `images/` (what was found out about images, and converted ones) and `disks/` (each machine's
 * own disk). One process at a time writes it.
 */

import { CacheDevice } from '../block/cache.ts';
import type { Device } from '../block/device.ts';
import { FileDevice } from '../block/file-device.ts';
import { OverlayDevice } from '../block/overlay.ts';
import { OverlayFiles } from '../block/overlay-files.ts';
import { DisklessError } from '../bytes/index.ts';
import type { File, FileSystem } from '../os/file.ts';
import type { RunProcess } from '../os/process.ts';
import { ReplacedFile } from '../os/replaced-file.ts';
import { diskNotePath, diskNotePaths, diskPaths, parseDiskName } from './disk-name.ts';
import { type FoundImage, ImageStore } from './image-store.ts';
import type { DiskName, DiskNote, DiskNoteKind, DiskSummary, Image, OpenImageOptions, Pool } from './pool.ts';

export interface LocalPoolOptions {
  /** Made when something is first written to it. */
  readonly directory: string;
  readonly fileSystem: FileSystem;
  readonly run: RunProcess;
  /** Most bytes of each image to keep in memory. Default 512 MiB. */
  readonly cacheBudget?: number;
}

interface OpenImage extends Image {
  readonly rawPath: string;
  /** Names of the disks over it that are open. */
  readonly disks: Set<string>;
}

export class LocalPool implements Pool {
  readonly #directory: string;
  readonly #disks: string;
  readonly #fileSystem: FileSystem;
  readonly #store: ImageStore;
  readonly #cacheBudget: number | undefined;
  readonly #images = new Map<string, OpenImage>();
  #lock: Promise<File> | undefined;

  constructor(options: LocalPoolOptions) {
    this.#directory = options.directory;
    this.#disks = `${options.directory}/disks`;
    this.#fileSystem = options.fileSystem;
    this.#cacheBudget = options.cacheBudget;
    this.#store = new ImageStore(options.fileSystem, options.run, `${options.directory}/images`, () => this.#claim());
  }

  async openImage(path: string, options: OpenImageOptions = {}): Promise<Image> {
    const found = await this.#store.find(path, options);
    const open = this.#images.get(found.identity);
    if (open !== undefined) return open;
    const image = this.#open(found);
    this.#images.set(image.identity, image);
    return image;
  }

  #open(found: FoundImage): OpenImage {
    const file = this.#fileSystem.open(found.rawPath, 'read');
    const size = file.size();
    const base = new FileDevice(file, found.rawPath, size, { readOnly: true, blockSize: found.blockSize });
    const device = new CacheDevice(base, this.#cacheBudget === undefined ? {} : { budget: this.#cacheBudget });
    const disks = new Set<string>();
    const close = async (): Promise<void> => {
      if (disks.size > 0) {
        throw new DisklessError('IMAGE_IN_USE', `${found.path} is in use by ${[...disks].join(', ')}`, {
          hint: 'Close the disks over it first.',
        });
      }
      this.#images.delete(found.identity);
      await device.close();
    };
    return { ...found, size, device, disks, close };
  }

  async openDisk({ host, image }: DiskName): Promise<Device> {
    const open = this.#images.get(image.identity);
    if (open === undefined) throw new DisklessError('IMAGE_CLOSED', `the image ${image.path} is not open in this pool`);
    const paths = diskPaths(this.#disks, host, image.identity);
    if (open.disks.has(host)) throw diskInUse(host);
    open.disks.add(host);
    try {
      await this.#claim();
      await this.#fileSystem.makeDirectory(this.#disks);
      // What an earlier disk of this name left behind is not this one's.
      if (this.#fileSystem.status(paths.map) === undefined) await this.#removeNotes(host, image.identity);
      const base = { identity: Buffer.from(image.identity, 'hex'), size: image.size };
      const files = await OverlayFiles.open(this.#fileSystem, paths, base);
      return new OverlayDevice(files, image.device, paths.data, () => open.disks.delete(host));
    } catch (error) {
      open.disks.delete(host);
      throw diskError(error, host);
    }
  }

  noteOf({ host, image }: DiskName, kind: DiskNoteKind): DiskNote {
    return new ReplacedFile(this.#fileSystem, diskNotePath(this.#disks, host, image.identity, kind));
  }

  async #removeNotes(host: string, imageIdentity: string): Promise<void> {
    for (const path of diskNotePaths(this.#disks, host, imageIdentity)) await this.#fileSystem.remove(path);
  }

  async removeDisks(host: string, image?: Image): Promise<number> {
    await this.#claim();
    const doomed = this.#diskNames().filter(
      (disk) => disk.host === host && (image === undefined || image.identity.startsWith(disk.imageIdentity)),
    );
    for (const disk of doomed) await this.#removeDisk(disk.host, disk.imageIdentity);
    return doomed.length;
  }

  /** Notes go first, so that no other disk ever finds them; then the map: without it there is no disk. */
  async #removeDisk(host: string, imageIdentity: string): Promise<void> {
    const paths = diskPaths(this.#disks, host, imageIdentity);
    const data = this.#fileSystem.status(paths.data) && this.#fileSystem.open(paths.data, 'write');
    try {
      data?.lock();
      await this.#removeNotes(host, imageIdentity);
      for (const path of [paths.map, paths.live, paths.data]) await this.#fileSystem.remove(path);
    } catch (error) {
      throw diskError(error, host);
    } finally {
      await data?.close();
    }
  }

  listDisks(): DiskSummary[] {
    return this.#diskNames().map(({ host, imageIdentity }) => {
      const paths = diskPaths(this.#disks, host, imageIdentity);
      const all = [paths.data, paths.map, paths.live].map((path) => this.#fileSystem.status(path));
      const allocated = all.reduce((sum, status) => sum + (status?.allocated ?? 0), 0);
      return { host, imageIdentity, size: all[0]?.size ?? 0, allocated };
    });
  }

  #diskNames(): { host: string; imageIdentity: string }[] {
    if (this.#fileSystem.status(this.#disks) === undefined) return [];
    return this.#fileSystem.list(this.#disks).flatMap((fileName) => parseDiskName(fileName) ?? []);
  }

  /** Locks the directory against a second process, as soon as this one writes to it. */
  async #claim(): Promise<void> {
    this.#lock ??= this.#takeLock();
    try {
      await this.#lock;
    } catch (error) {
      this.#lock = undefined;
      throw error;
    }
  }

  async #takeLock(): Promise<File> {
    await this.#fileSystem.makeDirectory(this.#directory);
    const file = this.#fileSystem.open(`${this.#directory}/pool.lock`, 'create');
    try {
      file.lock();
      return file;
    } catch (error) {
      await file.close();
      if (!(error instanceof DisklessError) || error.code !== 'FILE_LOCKED') throw error;
      throw new DisklessError('POOL_IN_USE', `the data directory ${this.#directory} is in use by another process`, {
        cause: error,
        hint: 'Is a server running over it already? End it, or give another --data directory.',
      });
    }
  }

  async close(): Promise<void> {
    for (const image of this.#images.values()) await image.close();
    const lock = this.#lock;
    this.#lock = undefined;
    await (await lock)?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function diskInUse(host: string, cause?: unknown): DisklessError {
  return new DisklessError('DISK_IN_USE', `the disk of ${host} is open already`, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'Two users of one disk would destroy it: end the other one first.',
  });
}

function diskError(error: unknown, host: string): unknown {
  return error instanceof DisklessError && error.code === 'FILE_LOCKED' ? diskInUse(host, error) : error;
}
