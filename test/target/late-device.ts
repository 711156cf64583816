/** A memory disk whose answers need not be at hand: those that come late, or wait for the test, build on it. */

import type { Awaitable, Capabilities, Device, Extent, WriteOptions } from '../../src/block/device.ts';
import { MemoryDevice, type MemoryDeviceOptions } from '../../src/block/memory-device.ts';

export class LateDevice implements Device {
  readonly #memory: MemoryDevice;
  readonly size: number;
  readonly blockSize: number;
  readonly physicalBlockSize: number;
  readonly readOnly: boolean;
  readonly capabilities: Capabilities;

  constructor(content: Uint8Array | number, options?: MemoryDeviceOptions) {
    this.#memory = new MemoryDevice(content, options);
    const { size, blockSize, physicalBlockSize, readOnly, capabilities } = this.#memory;
    this.size = size;
    this.blockSize = blockSize;
    this.physicalBlockSize = physicalBlockSize;
    this.readOnly = readOnly;
    this.capabilities = capabilities;
  }

  /** What a range holds, at once. */
  content(offset: number, length: number): Buffer {
    return Buffer.concat(this.#memory.read(offset, length));
  }

  read(offset: number, length: number): Awaitable<readonly Uint8Array[]> {
    return this.#memory.read(offset, length);
  }

  write(offset: number, data: readonly Uint8Array[], _options?: WriteOptions): Awaitable<void> {
    return this.#memory.write(offset, data);
  }

  flush(): Awaitable<void> {
    return this.#memory.flush();
  }

  unmap(offset: number, length: number): Awaitable<void> {
    return this.#memory.unmap(offset, length);
  }

  writeZeroes(offset: number, length: number): Awaitable<void> {
    return this.#memory.writeZeroes(offset, length);
  }

  extents(offset: number, length: number): Awaitable<readonly Extent[]> {
    return this.#memory.extents(offset, length);
  }

  async close(): Promise<void> {}
}
