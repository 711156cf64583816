/**
 * The embedded pool: a directory with `images/` (what was found out about images, and converted ones) and `disks/` (each machine's
 * own disk). One process at a time opens disks in it (`pool.lock`); others may look, and remove what nobody has open: an open disk
 * and an open converted image are locked.
 */

import { CacheDevice } from '../block/cache.ts';
import type { Device } from '../block/device.ts';
import { FileDevice } from '../block/file-device.ts';
import { OverlayDevice } from '../block/overlay.ts';
import { OverlayFiles } from '../block/overlay-files.ts';
import { DisklessError } from '../bytes/index.ts';
import type { File, FileSystem } from '../os/file.ts';
import type { RunProcess } from '../os/process.ts';
import { DiskDirectory, diskError, diskInUse } from './disk-directory.ts';
import { diskPaths } from './disk-name.ts';
import { ImageInventory } from './image-inventory.ts';
import { type FoundImage, ImageStore } from './image-store.ts';
import type {
  DiskName,
  DiskNote,
  DiskNoteKind,
  DiskSummary,
  Image,
  ImageSummary,
  OpenDiskOptions,
  OpenImageOptions,
  Pool,
  RemoveImageOptions,
} from './pool.ts';

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
  readonly #disks: DiskDirectory;
  readonly #fileSystem: FileSystem;
  readonly #store: ImageStore;
  readonly #inventory: ImageInventory;
  readonly #cacheBudget: number | undefined;
  readonly #images = new Map<string, OpenImage>();
  #lock: Promise<File> | undefined;

  constructor(options: LocalPoolOptions) {
    this.#directory = options.directory;
    this.#disks = new DiskDirectory(options.fileSystem, `${options.directory}/disks`);
    this.#fileSystem = options.fileSystem;
    this.#cacheBudget = options.cacheBudget;
    const images = `${options.directory}/images`;
    this.#store = new ImageStore(options.fileSystem, options.run, images, () => this.#claim());
    this.#inventory = new ImageInventory(options.fileSystem, images);
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
    const file = this.#openRaw(found);
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

  #openRaw({ rawPath, path }: FoundImage): File {
    const file = this.#fileSystem.open(rawPath, 'read');
    try {
      // Sources belong to others, who may lock them as they like; a converted image is this pool's own.
      if (rawPath !== path) file.lock('shared');
      return file;
    } catch (error) {
      void file.close();
      throw error;
    }
  }

  async openDisk({ host, image }: DiskName, { make = true }: OpenDiskOptions = {}): Promise<Device> {
    const open = this.#images.get(image.identity);
    if (open === undefined) throw new DisklessError('IMAGE_CLOSED', `the image ${image.path} is not open in this pool`);
    const paths = diskPaths(this.#disks.path, host, image.identity);
    if (open.disks.has(host)) throw diskInUse(host);
    open.disks.add(host);
    try {
      await this.#claim();
      await this.#fileSystem.makeDirectory(this.#disks.path);
      const isThere = this.#fileSystem.status(paths.map) !== undefined;
      if (!isThere && !make) throw diskNotFound(host, image);
      // What an earlier disk of this name left behind is not this one's.
      if (!isThere) await this.#disks.removeNotes(host, image.identity);
      const base = { identity: Buffer.from(image.identity, 'hex'), size: image.size };
      const files = await OverlayFiles.open(this.#fileSystem, paths, base);
      return new OverlayDevice(files, image.device, paths.data, () => open.disks.delete(host));
    } catch (error) {
      open.disks.delete(host);
      throw diskError(error, host);
    }
  }

  noteOf({ host, image }: DiskName, kind: DiskNoteKind): DiskNote {
    return this.#disks.note(host, image.identity, kind);
  }

  async removeDisks(host: string, imageIdentity?: string): Promise<number> {
    if (!this.listDisks().some((disk) => disk.host === host)) return 0;
    await using _claim = await this.#claimRemoval();
    // Awaited here, so that the claim is held until it is done.
    return await this.#disks.remove(
      (disk) => disk.host === host && (imageIdentity === undefined || imageIdentity.startsWith(disk.imageIdentity)),
    );
  }

  listDisks(): DiskSummary[] {
    return this.#disks.list();
  }

  listImages(): ImageSummary[] {
    return this.#inventory.list(this.listDisks());
  }

  /** Held while something is removed, by whichever process. */
  async #claimRemoval(): Promise<AsyncDisposable> {
    const file = this.#fileSystem.open(`${this.#directory}/removal.lock`, 'create');
    try {
      file.lock();
      return { [Symbol.asyncDispose]: () => file.close() };
    } catch (error) {
      await file.close();
      if (!(error instanceof DisklessError) || error.code !== 'FILE_LOCKED') throw error;
      throw new DisklessError('POOL_IN_USE', `another command is removing something from ${this.#directory}`, {
        cause: error,
        hint: 'Try again when it is done.',
      });
    }
  }

  async removeImage(identity: string, options: RemoveImageOptions = {}): Promise<void> {
    await using held = new AsyncDisposableStack();
    held.use(await this.#claimRemoval());
    const image = this.listImages().find((one) => identity.startsWith(one.identity));
    if (image === undefined) {
      throw new DisklessError('IMAGE_UNKNOWN', `nothing is kept of an image ${identity}`, {
        hint: 'Compare it with those that are listed.',
      });
    }
    if (image.disks.length > 0 && !options.withDisks) {
      const hosts = image.disks.map(({ host }) => host).join(', ');
      throw new DisklessError('IMAGE_IN_USE', `there are disks over the image ${image.identity}: ${hosts}`, {
        hint: 'Remove them first.',
      });
    }
    held.use(this.#inventory.lock(image));
    await this.#disks.remove(({ imageIdentity }) => imageIdentity === image.identity);
    await this.#inventory.remove(image);
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

function diskNotFound(host: string, { path }: Image): DisklessError {
  return new DisklessError('DISK_NOT_FOUND', `${host} has no disk over the image ${path}`);
}
