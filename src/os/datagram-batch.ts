/**
 * Many datagrams by one system call: the memory that `recvmmsg` and `sendmmsg` work on. Layouts are those of 64-bit Linux, in the
 * machine's own byte order but for what is an address.
 *
 * All of it is one piece outside of the collector's reach, so that the pointers in it stay true.
 */

import { endianness } from 'node:os';
import { type Ipv4Address, ipv4FromBytes, ipv4ToNumber, readU16, writeU16, writeU32 } from '../bytes/index.ts';
import type { Endpoint } from './network.ts';
import type { DatagramCalls } from './socket.ts';

/** `struct mmsghdr`: a `struct msghdr` of 56 bytes, and the length of what was received or sent. */
const HEADER = 64;
const NAME = 0;
const NAME_LENGTH = 8;
const VECTORS = 16;
const VECTOR_COUNT = 24;
const FLAGS = 48;
const TRANSFERRED = 56;
/** `struct iovec`: address and length. */
const VECTOR = 16;
/** `struct sockaddr_in`: family, port, address, padding. */
const ADDRESS = 16;
const AF_INET = 2;
const MSG_TRUNC = 0x20;

/** Bytes of the longest datagram: a jumbo frame's. */
const LONGEST = 9216;
const LITTLE_ENDIAN = endianness() === 'LE';

export class DatagramBatch {
  /** How many datagrams it holds at most. */
  readonly capacity: number;
  readonly #calls: DatagramCalls;
  readonly #bytes: Uint8Array;
  readonly #numbers: DataView;
  readonly #addresses: number;
  readonly #data: number;

  constructor(calls: DatagramCalls, capacity: number) {
    this.capacity = capacity;
    this.#calls = calls;
    const vectors = capacity * HEADER;
    this.#addresses = vectors + capacity * VECTOR;
    this.#data = this.#addresses + capacity * ADDRESS;
    const memory = calls.allocate(this.#data + capacity * LONGEST);
    this.#bytes = new Uint8Array(memory.bytes);
    this.#numbers = new DataView(memory.bytes);
    for (let index = 0; index < capacity; index++) {
      const header = index * HEADER;
      const vector = vectors + index * VECTOR;
      this.#pointer(header + NAME, memory.address + BigInt(this.#addresses + index * ADDRESS));
      this.#numbers.setUint32(header + NAME_LENGTH, ADDRESS, LITTLE_ENDIAN);
      this.#pointer(header + VECTORS, memory.address + BigInt(vector));
      this.#pointer(header + VECTOR_COUNT, 1n);
      this.#pointer(vector, memory.address + BigInt(this.#data + index * LONGEST));
      this.#pointer(vector + 8, BigInt(LONGEST));
    }
  }

  /** Takes what has arrived at a socket; gives how many datagrams, 0 when there are none. */
  receive(fd: number): number {
    return Math.max(0, this.#calls.receive(fd, this.#bytes, this.capacity));
  }

  /** The bytes of a received datagram, copied; undefined when it was too long. */
  received(index: number): Uint8Array | undefined {
    const header = index * HEADER;
    if ((this.#numbers.getUint32(header + FLAGS, LITTLE_ENDIAN) & MSG_TRUNC) !== 0) return undefined;
    const start = this.#data + index * LONGEST;
    return this.#bytes.slice(start, start + this.#numbers.getUint32(header + TRANSFERRED, LITTLE_ENDIAN));
  }

  /** Where a received datagram came from. */
  sender(index: number): Endpoint {
    const start = this.#addresses + index * ADDRESS;
    return { address: ipv4FromBytes(this.#bytes, start + 4), port: readU16(this.#bytes, start + 2) };
  }

  /** Puts a datagram at `index`, to be sent; false when it is too long for that. */
  put(index: number, data: Uint8Array, to: Endpoint): boolean {
    if (data.length > LONGEST) return false;
    const start = this.#addresses + index * ADDRESS;
    this.#numbers.setUint16(start, AF_INET, LITTLE_ENDIAN);
    writeU16(this.#bytes, start + 2, to.port);
    writeU32(this.#bytes, start + 4, ipv4ToNumber(to.address as Ipv4Address));
    this.#bytes.set(data, this.#data + index * LONGEST);
    this.#pointer(this.capacity * HEADER + index * VECTOR + 8, BigInt(data.length));
    return true;
  }

  /** What was put at `index`. */
  waiting(index: number): Uint8Array {
    const start = this.#data + index * LONGEST;
    const length = this.#numbers.getUint32(this.capacity * HEADER + index * VECTOR + 8, LITTLE_ENDIAN);
    return this.#bytes.slice(start, start + length);
  }

  /** Sends the datagrams from `first` to `end`; gives how many the kernel took: it stops before one that it does not take. */
  send(fd: number, first: number, end: number): number {
    return Math.max(0, this.#calls.send(fd, this.#bytes.subarray(first * HEADER), end - first));
  }

  #pointer(at: number, value: bigint): void {
    this.#numbers.setBigUint64(at, value, LITTLE_ENDIAN);
  }
}
