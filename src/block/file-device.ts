/** A raw disk image: a file, or a block device of the operating system, block for block. */

import { DisklessError, totalLength } from '../bytes/index.ts';
import type { File, FileSystem } from '../os/file.ts';
import { shortLivedBuffer } from '../os/short-lived-memory.ts';
import { ChangeOrder } from './change-order.ts';
import type { Awaitable, Capabilities, Device, Extent, WriteOptions } from './device.ts';
import { deviceError, readOnlyError } from './device-error.ts';

export interface FileDeviceOptions {
  /** 512 (default) or 4096: a multiple of it must be the file's size. */
  readonly blockSize?: number;
  /** Default 4096: what the page cache reads and writes at once. */
  readonly physicalBlockSize?: number;
  /** Default false. A writable file is locked against a second writer. */
  readonly readOnly?: boolean;
}

const capabilities: Capabilities = {
  flush: 'native',
  fua: 'emulated',
  unmap: 'native',
  writeZeroes: 'native',
  extents: 'native',
};

/**
 * Raises FILE_NOT_FOUND, FILE_FORBIDDEN, FILE_IS_DIRECTORY, FILE_LOCKED, and DEVICE_SIZE for a file that is empty or no whole
 * number of blocks.
 */
export function openFileDevice(fileSystem: FileSystem, path: string, options: FileDeviceOptions = {}): FileDevice {
  const file = fileSystem.open(path, options.readOnly ? 'read' : 'write');
  try {
    if (!options.readOnly) file.lock();
    const blockSize = options.blockSize ?? 512;
    const size = file.size();
    if (size === 0 || size % blockSize !== 0) {
      throw new DisklessError(
        'DEVICE_SIZE',
        `${path} has ${size} bytes, not a whole number of ${blockSize}-byte blocks`,
        {
          hint: 'A raw disk image has a length that is a multiple of its block size: "truncate -s" can extend it.',
        },
      );
    }
    return new FileDevice(file, path, size, options);
  } catch (error) {
    void file.close();
    throw error;
  }
}

export class FileDevice implements Device {
  readonly size: number;
  readonly blockSize: number;
  readonly physicalBlockSize: number;
  readonly readOnly: boolean;
  readonly capabilities = capabilities;
  readonly #file: File;
  readonly #name: string;
  readonly #changes = new ChangeOrder();

  /** Takes over the open file. */
  constructor(file: File, name: string, size: number, options: FileDeviceOptions) {
    this.#file = file;
    this.#name = name;
    this.size = size;
    this.blockSize = options.blockSize ?? 512;
    this.physicalBlockSize = Math.max(this.blockSize, options.physicalBlockSize ?? 4096);
    this.readOnly = options.readOnly ?? false;
  }

  read(offset: number, length: number): Awaitable<readonly Uint8Array[]> {
    const earlier = this.#changes.earlier(offset, offset + length);
    return earlier === undefined ? this.#readNow(offset, length) : earlier.then(() => this.#readNow(offset, length));
  }

  #readNow(offset: number, length: number): Awaitable<readonly Uint8Array[]> {
    const buffer = shortLivedBuffer(length);
    try {
      const count = this.#file.readNoWait(buffer, offset);
      return count === length ? [buffer] : this.#readRest(buffer, offset, count);
    } catch (error) {
      throw deviceError(error, `read ${this.#name}`);
    }
  }

  /** What the page cache did not have, off the event loop. */
  async #readRest(buffer: Uint8Array, offset: number, done: number): Promise<readonly Uint8Array[]> {
    try {
      const count = await this.#file.read(buffer.subarray(done), offset + done);
      if (done + count < buffer.length) throw new Error(`the file ends at byte ${offset + done + count}`);
      return [buffer];
    } catch (error) {
      throw deviceError(error, `read ${this.#name}`);
    }
  }

  write(offset: number, data: readonly Uint8Array[], options?: WriteOptions): Awaitable<void> {
    if (this.readOnly) throw readOnlyError(this.#name);
    const end = offset + totalLength(data);
    return this.#durably(this.#changes.make(offset, end, this.#store, offset, data), options);
  }

  readonly #store = (offset: number, data: readonly Uint8Array[]): Awaitable<void> => {
    try {
      const written = this.#file.writev(data, offset);
      return written instanceof Promise ? this.#named(written) : undefined;
    } catch (error) {
      throw deviceError(error, `write ${this.#name}`);
    }
  };

  async #named(written: Promise<void>): Promise<void> {
    await written.catch((error: unknown) => {
      throw deviceError(error, `write ${this.#name}`);
    });
  }

  #durably(done: Awaitable<void>, options: WriteOptions | undefined): Awaitable<void> {
    if (!options?.fua) return done;
    return done instanceof Promise ? done.then(() => this.flush()) : this.flush();
  }

  async flush(): Promise<void> {
    if (this.readOnly) return;
    await this.#file.sync().catch((error: unknown) => {
      throw deviceError(error, `flush ${this.#name}`);
    });
  }

  unmap(offset: number, length: number): Awaitable<void> {
    if (this.readOnly) throw readOnlyError(this.#name);
    return this.#changes.make(offset, offset + length, this.#punch, offset, length);
  }

  readonly #punch = (offset: number, length: number): Awaitable<void> => {
    try {
      const punched = this.#file.punchHole(offset, length);
      return punched instanceof Promise ? this.#named(punched) : undefined;
    } catch (error) {
      throw deviceError(error, `write ${this.#name}`);
    }
  };

  writeZeroes(offset: number, length: number, options?: WriteOptions): Awaitable<void> {
    return this.#durably(this.unmap(offset, length), options);
  }

  async extents(offset: number, length: number): Promise<readonly Extent[]> {
    const extents = await this.#file.extents(offset, length).catch((error: unknown) => {
      throw deviceError(error, `find the holes of ${this.#name}`);
    });
    return extents.map(({ hole, ...place }) => ({ ...place, allocated: !hole, zero: hole }));
  }

  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.#file.close();
    }
  }
}
