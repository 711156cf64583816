/** A memory device that notes every operation outside its range, and can be slow and ill: all by a seed. */

import type { Awaitable, Capabilities, Device, Extent } from '../../src/block/device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { DisklessError } from '../../src/bytes/index.ts';
import type { Random } from '../support/random.ts';
import { turns } from './turns.ts';

export interface WatchedDeviceOptions {
  readonly content: Uint8Array | number;
  /** 512 or 4096. Default 512. */
  readonly blockSize?: number;
  readonly random: Random;
  readonly onViolation: (what: string) => void;
  /** Whether operations take turns of the event loop. */
  readonly slow: boolean;
  /** One in so many operations fails; 0: none. */
  readonly failsOneIn: number;
  readonly onWrite?: (offset: number) => void;
}

const capabilities: Capabilities = {
  flush: 'emulated',
  fua: 'native',
  unmap: 'native',
  writeZeroes: 'native',
  extents: 'native',
};

export class WatchedDevice implements Device {
  readonly size: number;
  readonly blockSize: number;
  readonly physicalBlockSize = 4096;
  readonly readOnly = false;
  readonly capabilities = capabilities;
  readonly #memory: MemoryDevice;
  readonly #options: WatchedDeviceOptions;

  constructor(options: WatchedDeviceOptions) {
    this.blockSize = options.blockSize ?? 512;
    this.#memory = new MemoryDevice(options.content, { blockSize: this.blockSize });
    this.#options = options;
    this.size = this.#memory.size;
  }

  #run<T>(what: string, offset: number, length: number, work: () => Awaitable<T>): Awaitable<T> {
    const { random, slow, failsOneIn, onViolation } = this.#options;
    const whole = offset % this.blockSize === 0 && length % this.blockSize === 0;
    const inside = offset >= 0 && length >= 0 && offset + length <= this.size;
    if (!whole || !inside) onViolation(`the device was asked to ${what} ${length} bytes at ${offset} of ${this.size}`);
    const fails = failsOneIn > 0 && random.oneIn(failsOneIn);
    const finish = (): Awaitable<T> => {
      if (fails) {
        const code = random.pick(['DEVICE_IO', 'DEVICE_NO_SPACE', 'DEVICE_READ_ONLY', 'OTHER']);
        throw new DisklessError(code, `the device cannot ${what}`);
      }
      return work();
    };
    if (!slow || random.oneIn(3)) return finish();
    return turns(random.oneIn(20) ? 40 : 1 + random.below(4)).then(finish);
  }

  read(offset: number, length: number): Awaitable<readonly Uint8Array[]> {
    return this.#run('read', offset, length, () => this.#memory.read(offset, length));
  }

  write(offset: number, data: readonly Uint8Array[]): Awaitable<void> {
    const length = data.reduce((sum, part) => sum + part.length, 0);
    this.#options.onWrite?.(offset);
    return this.#run('write', offset, length, () => this.#memory.write(offset, data));
  }

  flush(): Awaitable<void> {
    return this.#run('flush', 0, 0, () => {});
  }

  unmap(offset: number, length: number): Awaitable<void> {
    return this.#run('unmap', offset, length, () => this.#memory.unmap(offset, length));
  }

  writeZeroes(offset: number, length: number): Awaitable<void> {
    return this.#run('write zeroes to', offset, length, () => this.#memory.writeZeroes(offset, length));
  }

  extents(offset: number, length: number): Awaitable<readonly Extent[]> {
    const half = Math.floor(length / (2 * this.blockSize)) * this.blockSize;
    const found = [
      { offset, length: half, allocated: true, zero: false },
      { offset: offset + half, length: length - half, allocated: false, zero: true },
    ].filter((extent) => extent.length > 0);
    return this.#run('find extents in', offset, length, () => found);
  }

  async close(): Promise<void> {}
}
