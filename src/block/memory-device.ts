/** A device whose blocks are in memory and gone with it: scratch disks and tests. */

import type { Capabilities, Device, Extent } from './device.ts';
import { readOnlyError } from './device-error.ts';

export interface MemoryDeviceOptions {
  /** 512 or 4096. */
  readonly blockSize?: number;
  readonly readOnly?: boolean;
}

const capabilities: Capabilities = {
  flush: 'none',
  fua: 'native',
  unmap: 'emulated',
  writeZeroes: 'native',
  extents: 'none',
};

export class MemoryDevice implements Device {
  readonly size: number;
  readonly blockSize: number;
  readonly physicalBlockSize: number;
  readonly readOnly: boolean;
  readonly capabilities = capabilities;
  readonly #bytes: Uint8Array;

  /** Over a copy of `content`, or over `content` zeros; a multiple of the block size. */
  constructor(content: Uint8Array | number, options: MemoryDeviceOptions = {}) {
    this.#bytes = typeof content === 'number' ? new Uint8Array(content) : Uint8Array.from(content);
    this.size = this.#bytes.length;
    this.blockSize = options.blockSize ?? 512;
    this.physicalBlockSize = this.blockSize;
    this.readOnly = options.readOnly ?? false;
  }

  /** Copies: a view would change with the next write. */
  read(offset: number, length: number): readonly Uint8Array[] {
    return [this.#bytes.slice(offset, offset + length)];
  }

  write(offset: number, data: readonly Uint8Array[]): void {
    this.#checkWritable();
    let at = offset;
    for (const buffer of data) {
      this.#bytes.set(buffer, at);
      at += buffer.length;
    }
  }

  flush(): void {}

  unmap(offset: number, length: number): void {
    this.writeZeroes(offset, length);
  }

  writeZeroes(offset: number, length: number): void {
    this.#checkWritable();
    this.#bytes.fill(0, offset, offset + length);
  }

  extents(offset: number, length: number): readonly Extent[] {
    return [{ offset, length, allocated: true, zero: false }];
  }

  async close(): Promise<void> {}

  #checkWritable(): void {
    if (this.readOnly) throw readOnlyError('the memory device');
  }
}
