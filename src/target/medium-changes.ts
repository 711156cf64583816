/** What changes the medium of a logical unit: all of it goes through here, so that who relies on what the medium holds is told. */

import type { Awaitable, Device, WriteOptions } from '../block/device.ts';
import { totalLength } from '../bytes/index.ts';

/** A unit's device to whoever does not change it. */
export type ReadableDevice = Omit<Device, 'write' | 'unmap' | 'writeZeroes' | 'close'>;

/** Told of a range of bytes before it changes. */
export type ChangeListener = (offset: number, length: number) => void;

const durable: WriteOptions = { fua: true };

export class MediumChanges {
  readonly device: ReadableDevice;
  readonly #device: Device;
  /** Grows each time that the medium becomes another one. */
  mediumNumber = 0;
  /** What is acknowledged is durable, without being asked for (WCE is off). */
  writeThrough = false;
  /** Undefined while nobody relies on any of it: then a change costs one look. */
  listener: ChangeListener | undefined;

  constructor(device: Device) {
    this.device = device;
    this.#device = device;
  }

  write(offset: number, data: readonly Uint8Array[], options?: WriteOptions): Awaitable<void> {
    if (this.listener !== undefined) this.listener(offset, totalLength(data));
    return this.#device.write(offset, data, this.writeThrough ? durable : options);
  }

  unmap(offset: number, length: number): Awaitable<void> {
    this.listener?.(offset, length);
    return this.writeThrough ? this.#unmapDurably(offset, length) : this.#device.unmap(offset, length);
  }

  writeZeroes(offset: number, length: number, options?: WriteOptions): Awaitable<void> {
    this.listener?.(offset, length);
    return this.#device.writeZeroes(offset, length, this.writeThrough ? durable : options);
  }

  async #unmapDurably(offset: number, length: number): Promise<void> {
    await this.#device.unmap(offset, length);
    await this.#device.flush();
  }

  /** The medium as a whole is about to become another one: it is ejected, formatted or sanitized. */
  replaced(): void {
    this.mediumNumber += 1;
    this.listener?.(0, this.#device.size);
  }
}
