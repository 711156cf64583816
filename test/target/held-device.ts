/** A memory disk whose operations wait until the test lets them go, and fail when the test says so. */

import type { Awaitable } from '../../src/block/device.ts';
import { DisklessError } from '../../src/bytes/index.ts';
import { LateDevice } from './late-device.ts';

export class HeldDevice extends LateDevice {
  /** Operations that wait, oldest first. */
  readonly held: { readonly operation: string; release(error?: Error): void }[] = [];
  #arrivals: (() => void)[] = [];
  flushes = 0;

  /** Resolves when `count` operations wait. */
  async holding(count: number): Promise<void> {
    while (this.held.length < count) await new Promise<void>((resolve) => this.#arrivals.push(resolve));
  }

  releaseAll(): void {
    for (const { release } of this.held.splice(0)) release();
  }

  #hold<T>(operation: string, action: () => Awaitable<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.held.push({ operation, release: (error) => (error === undefined ? resolve(action()) : reject(error)) });
    for (const arrived of this.#arrivals.splice(0)) arrived();
    return promise;
  }

  override read(offset: number, length: number): Promise<readonly Uint8Array[]> {
    return this.#hold('read', () => super.read(offset, length));
  }

  override write(offset: number, data: readonly Uint8Array[]): Promise<void> {
    return this.#hold('write', () => super.write(offset, data));
  }

  override flush(): void {
    this.flushes += 1;
  }
}

export function ioError(): DisklessError {
  return new DisklessError('DEVICE_IO', 'the disk is broken');
}
