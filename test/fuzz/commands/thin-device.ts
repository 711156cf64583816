/** A memory device that knows which of its blocks have been written, and takes turns of the event loop or none, by a seed. */

import type { Awaitable, Capabilities, Device, Extent } from '../../../src/block/device.ts';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import type { Random } from '../../support/random.ts';
import { turns } from '../turns.ts';

const capabilities: Capabilities = {
  flush: 'emulated',
  fua: 'native',
  unmap: 'native',
  writeZeroes: 'native',
  extents: 'native',
};

export class ThinDevice implements Device {
  readonly size: number;
  readonly blockSize = 512;
  readonly physicalBlockSize: number;
  readonly readOnly = false;
  readonly capabilities = capabilities;
  readonly #memory: MemoryDevice;
  readonly #mapped: boolean[];
  readonly #random: Random;

  constructor(random: Random, content: Buffer, mapped: readonly boolean[], physicalBlockSize: number) {
    this.#random = random;
    this.size = content.length;
    this.physicalBlockSize = physicalBlockSize;
    this.#memory = new MemoryDevice(content);
    this.#mapped = [...mapped];
  }

  #run<T>(work: () => T): Awaitable<T> {
    return this.#random.oneIn(8) ? turns(1).then(work) : work();
  }

  #map(offset: number, length: number, mapped: boolean): void {
    this.#mapped.fill(mapped, offset / this.blockSize, (offset + length) / this.blockSize);
  }

  read(offset: number, length: number): Awaitable<readonly Uint8Array[]> {
    return this.#run(() => this.#memory.read(offset, length));
  }

  write(offset: number, data: readonly Uint8Array[]): Awaitable<void> {
    return this.#run(() => {
      const length = data.reduce((sum, part) => sum + part.length, 0);
      this.#memory.write(offset, data);
      this.#map(offset, length, true);
    });
  }

  flush(): Awaitable<void> {
    return this.#run(() => {});
  }

  unmap(offset: number, length: number): Awaitable<void> {
    return this.#run(() => {
      this.#memory.writeZeroes(offset, length);
      this.#map(offset, length, false);
    });
  }

  writeZeroes(offset: number, length: number): Awaitable<void> {
    return this.#run(() => {
      this.#memory.writeZeroes(offset, length);
      this.#map(offset, length, true);
    });
  }

  /** One extent a block. */
  extents(offset: number, length: number): Awaitable<readonly Extent[]> {
    const { blockSize } = this;
    return this.#run(() =>
      Array.from({ length: length / blockSize }, (_, index) => {
        const at = offset + index * blockSize;
        const allocated = this.#mapped[at / blockSize] === true;
        return { offset: at, length: blockSize, allocated, zero: !allocated };
      }),
    );
  }

  /** All of it, at once. */
  whole(): Buffer {
    return Buffer.concat(this.#memory.read(0, this.size));
  }

  async close(): Promise<void> {}
}
