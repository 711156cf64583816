/**
 * A layer that fails and delays on demand: for trying out what an initiator, a file system or a whole machine does when its disk is
 * ill. A fault says which operations it strikes, where, how often, and what happens; the first fault that fits an operation counts.
 */

import { DisklessError } from '../bytes/index.ts';
import type { Clock } from '../os/clock.ts';
import type { Awaitable, Capabilities, Device, Extent, WriteOptions } from './device.ts';

export type FaultOperation = 'read' | 'write' | 'flush' | 'unmap' | 'writeZeroes' | 'extents';

export interface Fault {
  /** Default: all of them. */
  readonly operations?: readonly FaultOperation[];
  /** Only operations that touch this range of bytes. A flush touches everything. */
  readonly range?: { readonly offset: number; readonly length: number };
  /** Leaves the first operations that fit alone. Default 0. */
  readonly skip?: number;
  /** Ends after it has struck so often. Default: never. */
  readonly times?: number;
  /** Milliseconds to wait before the operation begins. */
  readonly delay?: number;
  /** The code to fail with, such as DEVICE_IO or DEVICE_NO_SPACE. Without it the operation is only delayed. */
  readonly error?: string;
}

interface ActiveFault {
  readonly fault: Fault;
  skip: number;
  times: number;
}

export class FaultDevice implements Device {
  readonly size: number;
  readonly blockSize: number;
  readonly physicalBlockSize: number;
  readonly readOnly: boolean;
  readonly capabilities: Capabilities;
  readonly #base: Device;
  readonly #clock: Clock;
  readonly #faults = new Set<ActiveFault>();

  /** Over `base`, which is closed with it. */
  constructor(base: Device, clock: Clock) {
    this.#base = base;
    this.#clock = clock;
    this.size = base.size;
    this.blockSize = base.blockSize;
    this.physicalBlockSize = base.physicalBlockSize;
    this.readOnly = base.readOnly;
    this.capabilities = base.capabilities;
  }

  /** Adds a fault after those that are there; what it gives takes the fault away again. */
  inject(fault: Fault): () => void {
    const active = { fault, skip: fault.skip ?? 0, times: fault.times ?? Number.POSITIVE_INFINITY };
    this.#faults.add(active);
    return () => {
      this.#faults.delete(active);
    };
  }

  #strike<T>(operation: FaultOperation, offset: number, length: number, proceed: () => Awaitable<T>): Awaitable<T> {
    const fault = this.#next(operation, offset, length);
    if (fault === undefined) return proceed();
    const finish = (): Awaitable<T> => {
      if (fault.error === undefined) return proceed();
      throw new DisklessError(fault.error, `injected fault: ${operation} of ${length} bytes at ${offset}`);
    };
    if (fault.delay === undefined) return finish();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#clock.after(fault.delay, resolve);
    return promise.then(finish);
  }

  #next(operation: FaultOperation, offset: number, length: number): Fault | undefined {
    for (const active of this.#faults) {
      if (!fits(active.fault, operation, offset, length)) continue;
      if (active.skip > 0) {
        active.skip--;
        continue;
      }
      active.times--;
      if (active.times === 0) this.#faults.delete(active);
      return active.fault;
    }
    return undefined;
  }

  read(offset: number, length: number): Awaitable<readonly Uint8Array[]> {
    return this.#strike('read', offset, length, () => this.#base.read(offset, length));
  }

  write(offset: number, data: readonly Uint8Array[], options?: WriteOptions): Awaitable<void> {
    const length = data.reduce((sum, buffer) => sum + buffer.length, 0);
    return this.#strike('write', offset, length, () => this.#base.write(offset, data, options));
  }

  flush(): Awaitable<void> {
    return this.#strike('flush', 0, this.size, () => this.#base.flush());
  }

  unmap(offset: number, length: number): Awaitable<void> {
    return this.#strike('unmap', offset, length, () => this.#base.unmap(offset, length));
  }

  writeZeroes(offset: number, length: number, options?: WriteOptions): Awaitable<void> {
    return this.#strike('writeZeroes', offset, length, () => this.#base.writeZeroes(offset, length, options));
  }

  extents(offset: number, length: number): Awaitable<readonly Extent[]> {
    return this.#strike('extents', offset, length, () => this.#base.extents(offset, length));
  }

  close(): Promise<void> {
    return this.#base.close();
  }
}

function fits(fault: Fault, operation: FaultOperation, offset: number, length: number): boolean {
  if (fault.operations !== undefined && !fault.operations.includes(operation)) return false;
  const { range } = fault;
  return range === undefined || (offset < range.offset + range.length && range.offset < offset + length);
}
