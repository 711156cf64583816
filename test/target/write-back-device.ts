/** A memory disk with a volatile write cache: a test sees what a power cut would leave if everything in the cache were lost. */

import type { Capabilities, WriteOptions } from '../../src/block/device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';

export class WriteBackDevice extends MemoryDevice {
  override readonly capabilities: Capabilities = {
    flush: 'native',
    fua: 'native',
    unmap: 'native',
    writeZeroes: 'native',
    extents: 'none',
  };
  #durable: Uint8Array;

  constructor(content: Uint8Array | number) {
    super(content);
    this.#durable = this.#cached();
  }

  /** What is safe. */
  get durable(): Buffer {
    return Buffer.from(this.#durable);
  }

  override write(offset: number, data: readonly Uint8Array[], options?: WriteOptions): void {
    super.write(offset, data);
    this.#settle(offset, Buffer.concat(data).length, options);
  }

  override writeZeroes(offset: number, length: number, options?: WriteOptions): void {
    super.writeZeroes(offset, length);
    this.#settle(offset, length, options);
  }

  override flush(): void {
    this.#durable = this.#cached();
  }

  #settle(offset: number, length: number, options: WriteOptions | undefined): void {
    if (options?.fua) this.#durable.set(this.#cached().subarray(offset, offset + length), offset);
  }

  #cached(): Uint8Array {
    return Buffer.concat(super.read(0, this.size));
  }
}
