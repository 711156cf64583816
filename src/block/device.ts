/**
 * A thing with blocks: the centre of the house. A file, a copy-on-write overlay, a cache and a remote iSCSI logical unit are
 * Devices; the iSCSI target serves Devices. A layer takes a Device and is one.
 *
 * Offsets and lengths are bytes, multiples of `blockSize`, within `size`: callers check, devices trust. Results come as they are
 * when they are at hand and as a promise when they are not, so that data in memory costs no turn of the event loop.
 */

export type Awaitable<T> = T | Promise<T>;

/** How a device does a thing: not at all, by other means (such as zeros written for an unmap), or by itself. */
export type Capability = 'none' | 'emulated' | 'native';

export interface Capabilities {
  /** Whether acknowledged writes may be lost at a power cut until `flush` returns (`native`, `emulated`), or never are (`none`). */
  readonly flush: Capability;
  /** A single write that is durable when it is acknowledged. */
  readonly fua: Capability;
  readonly unmap: Capability;
  readonly writeZeroes: Capability;
  readonly extents: Capability;
}

/** A run of a device: allocated data, or nothing allocated (reads as zeros when `zero`). */
export interface Extent {
  readonly offset: number;
  readonly length: number;
  readonly allocated: boolean;
  readonly zero: boolean;
}

export interface WriteOptions {
  /** Durable before it is acknowledged (Force Unit Access). */
  readonly fua?: boolean;
}

export interface Device {
  /** Bytes. A multiple of `blockSize`. */
  readonly size: number;
  /** Bytes of a logical block: 512 or 4096. */
  readonly blockSize: number;
  /** Bytes of a physical block: the unit of which smaller writes cost a read. */
  readonly physicalBlockSize: number;
  readonly readOnly: boolean;
  readonly capabilities: Capabilities;
  /**
   * The bytes of a range as one or more buffers whose lengths add up to `length`. They are the reader's to look at, never to
   * change, and stay as they are. Raises (or rejects with) DEVICE_IO.
   */
  read(offset: number, length: number): Awaitable<readonly Uint8Array[]>;
  /** Writes buffers that follow one another. They must stay unchanged until it is done. Raises DEVICE_IO, DEVICE_NO_SPACE, DEVICE_READ_ONLY. */
  write(offset: number, data: readonly Uint8Array[], options?: WriteOptions): Awaitable<void>;
  /** Everything acknowledged so far survives power loss when it is done. */
  flush(): Awaitable<void>;
  /** Gives a range back; it reads as zeros afterwards. */
  unmap(offset: number, length: number): Awaitable<void>;
  writeZeroes(offset: number, length: number, options?: WriteOptions): Awaitable<void>;
  extents(offset: number, length: number): Awaitable<readonly Extent[]>;
  close(): Promise<void>;
}
