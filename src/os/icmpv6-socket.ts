/**
 * ICMPv6 messages of our own on one interface, which Node has no sockets for: sent, and heard. By foreign function calls to the C
 * library; constants and layouts are those of 64-bit Linux, in the machine's own byte order but for what is an address.
 */

import { endianness } from 'node:os';
import { type Ipv6Address, ipv6FromBytes, ipv6ToBytes } from '../bytes/index.ts';
import { calls } from './c-library.ts';
import {
  AF_INET6,
  bindToInterface,
  datagramCalls,
  failure,
  IPPROTO_IPV6,
  IPV6_MULTICAST_HOPS,
  integer,
  ipv6SocketAddress,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCKADDR_IN6_LENGTH,
} from './socket.ts';

const SOCK_RAW = 3;
const IPPROTO_ICMPV6 = 58;
const IPV6_UNICAST_HOPS = 16;
const IPV6_JOIN_GROUP = 20;
const IPV6_RECVHOPLIMIT = 51;
const IPV6_HOPLIMIT = 52;
const ICMP6_FILTER = 1;

/** Of a link. */
export const ALL_NODES = 'ff02::1' as Ipv6Address;
export const ALL_ROUTERS = 'ff02::2' as Ipv6Address;

/** Of messages (RFC 4861 §4.1), and of an option in them (§4.6.1). */
export const ROUTER_SOLICITATION_TYPE = 133;
export const ROUTER_ADVERTISEMENT_TYPE = 134;
export const SOURCE_LINK_LAYER_ADDRESS_TYPE = 1;

/** Neighbour discovery is believed only when no router has passed it on (RFC 4861 §6.1). */
export const NEVER_FORWARDED = 255;

/**
 * Sends one ICMPv6 message from an interface to an address of its link, with the hop limit of 255 that neighbour discovery asks for
 * (RFC 4861 §6.1.2); the kernel fills in the checksum. False when it cannot be sent, as on an interface without IPv6.
 * Raises OS_CALLS_UNAVAILABLE.
 */
export function sendIcmpv6(interfaceName: string, message: Uint8Array, to: Ipv6Address): boolean {
  const c = calls();
  const fd = openRaw();
  if (fd < 0) return false;
  try {
    if (bindToInterface(c, fd, interfaceName) < 0) return false;
    for (const hops of [IPV6_UNICAST_HOPS, IPV6_MULTICAST_HOPS]) {
      if (c.setsockopt(fd, IPPROTO_IPV6, hops, integer(NEVER_FORWARDED), 4) < 0) return false;
    }
    const socketAddress = ipv6SocketAddress(ipv6ToBytes(to), 0);
    return c.sendto(fd, message, message.length, 0, socketAddress, SOCKADDR_IN6_LENGTH) === message.length;
  } finally {
    c.close(fd);
  }
}

export interface HeardIcmpv6 {
  /** From its type on; the kernel has seen to the checksum. */
  readonly message: Uint8Array;
  readonly source: Ipv6Address;
  readonly hopLimit: number;
}

/** Which messages are heard on which interface. */
export interface Icmpv6Wanted {
  readonly interface: string;
  /** The only type. */
  readonly type: number;
  /** Multicast group that they are sent to. */
  readonly group: Ipv6Address;
}

/** Hears ICMPv6 messages until it is disposed of. Raises OS_CALLS_UNAVAILABLE, NETWORK_PORT_FORBIDDEN, NETWORK_SOCKET_FAILED. */
export function hearIcmpv6(wanted: Icmpv6Wanted, hear: (heard: HeardIcmpv6) => void): Disposable {
  const c = calls();
  const fd = openRaw();
  if (fd < 0) throw failure(c, 'open a socket of ICMPv6', wanted.interface);
  try {
    choose(fd, wanted);
  } catch (error) {
    c.close(fd);
    throw error;
  }
  const memory = new MessageMemory();
  // What has come meanwhile is told of again.
  const poll = c.whenReadable(fd, () => {
    const heard = memory.receive(fd);
    if (heard !== undefined) hear(heard);
  });
  return {
    [Symbol.dispose]() {
      poll.close();
      c.close(fd);
    },
  };
}

function openRaw(): number {
  return calls().socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6);
}

function choose(fd: number, { interface: name, type, group }: Icmpv6Wanted): void {
  const c = calls();
  if (bindToInterface(c, fd, name) < 0) throw failure(c, 'bind to the interface', name);
  // A bit that is set keeps a type away.
  const filter = new Uint32Array(8).fill(0xffff_ffff);
  filter[type >> 5] = ~(1 << (type & 31));
  const membership = new Uint8Array([...ipv6ToBytes(group), ...integer(c.interfaceNumber(name))]);
  for (const [what, level, option, value] of [
    ['choose messages', IPPROTO_ICMPV6, ICMP6_FILTER, new Uint8Array(filter.buffer)],
    ['be told of hop limits', IPPROTO_IPV6, IPV6_RECVHOPLIMIT, integer(1)],
    ['join a group', IPPROTO_IPV6, IPV6_JOIN_GROUP, membership],
  ] as const) {
    if (c.setsockopt(fd, level, option, value, value.length) < 0) throw failure(c, what, name);
  }
}

/** `struct mmsghdr` with one vector, and what its pointers point to. */
const HEADER = {
  name: 0,
  nameLength: 8,
  vectors: 16,
  vectorCount: 24,
  control: 32,
  controlLength: 40,
  transferred: 56,
};
const VECTOR = 64;
const NAME = VECTOR + 16;
const CONTROL = NAME + 32;
const CONTROL_LENGTH = 64;
/** `struct cmsghdr`: length, level, type, then the value. */
const CONTROL_VALUE = 16;
const DATA = CONTROL + CONTROL_LENGTH;
/** Bytes; neighbour discovery fits into one frame, and what is longer is cut. */
const LONGEST = 1500;
const LITTLE_ENDIAN = endianness() === 'LE';

/** The memory that one message is received into. It stays where it is as long as the process lives, and is used by turns. */
class MessageMemory {
  static #spare: ReturnType<ReturnType<typeof calls>['allocate']> | undefined;
  readonly #bytes: Uint8Array;
  readonly #numbers: DataView;
  readonly #address: bigint;

  constructor() {
    MessageMemory.#spare ??= calls().allocate(DATA + LONGEST);
    const { bytes, address } = MessageMemory.#spare;
    this.#bytes = new Uint8Array(bytes);
    this.#numbers = new DataView(bytes);
    this.#address = address;
  }

  /** Undefined when nothing more has come. */
  receive(fd: number): HeardIcmpv6 | undefined {
    this.#point(HEADER.name, NAME);
    this.#numbers.setUint32(HEADER.nameLength, SOCKADDR_IN6_LENGTH, LITTLE_ENDIAN);
    this.#point(HEADER.vectors, VECTOR);
    this.#size(HEADER.vectorCount, 1);
    this.#point(HEADER.control, CONTROL);
    this.#size(HEADER.controlLength, CONTROL_LENGTH);
    this.#point(VECTOR, DATA);
    this.#size(VECTOR + 8, LONGEST);
    if (datagramCalls().receive(fd, this.#bytes, 1) !== 1) return undefined;
    const length = Math.min(LONGEST, this.#numbers.getUint32(HEADER.transferred, LITTLE_ENDIAN));
    return {
      message: this.#bytes.slice(DATA, DATA + length),
      source: ipv6FromBytes(this.#bytes, NAME + 8),
      hopLimit: this.#hopLimit(),
    };
  }

  /** The only value that was asked for; -1 when the kernel does not tell it. */
  #hopLimit(): number {
    const length = this.#numbers.getBigUint64(HEADER.controlLength, LITTLE_ENDIAN);
    const isIt =
      length >= BigInt(CONTROL_VALUE + 4) && this.#numbers.getInt32(CONTROL + 12, LITTLE_ENDIAN) === IPV6_HOPLIMIT;
    return isIt ? this.#numbers.getInt32(CONTROL + CONTROL_VALUE, LITTLE_ENDIAN) : -1;
  }

  #point(at: number, place: number): void {
    this.#numbers.setBigUint64(at, this.#address + BigInt(place), LITTLE_ENDIAN);
  }

  #size(at: number, size: number): void {
    this.#numbers.setBigUint64(at, BigInt(size), LITTLE_ENDIAN);
  }
}
