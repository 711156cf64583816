/**
 * What Node's own sockets cannot do, by foreign function calls to the C library: a UDP socket that is bound to one interface
 * (SO_BINDTODEVICE).
 *
 * Node gives no way to see which interface a broadcast came in on, and a machine that asks for an address has none to answer to;
 * a socket bound to the interface solves both. Constants are those of Linux.
 */

import { endianness } from 'node:os';
import { DisklessError, type Ipv4Address, ipv4ToBytes, ipv6Bytes, parseIpv4, writeU16 } from '../bytes/index.ts';
import { type CallMemory, calls, errorName, type SocketCalls } from './c-library.ts';
import { sourceFilter } from './source-filter.ts';

export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_DGRAM = 2;
const IPPROTO_IP = 0;
const IP_MULTICAST_TTL = 33;
export const IPPROTO_IPV6 = 41;
export const IPV6_MULTICAST_HOPS = 18;
const IPV6_V6ONLY = 26;
const IPV6_MULTICAST_ALL = 29;
const IPV6_MULTICAST_LOOP = 19;
const SOCKADDR_IN_LENGTH = 16;
export const SOCKADDR_IN6_LENGTH = 28;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_BROADCAST = 6;
const SO_RCVBUF = 8;
const SO_BINDTODEVICE = 25;
const SO_ATTACH_FILTER = 26;
const SO_RCVBUFFORCE = 33;
/** Bytes; the kernel counts its own overhead in. */
const RECEIVE_BUFFER = 1 << 20;
const MSG_DONTWAIT = 0x40;

/** What takes and gives datagrams by the handful: see DatagramBatch. */
export interface DatagramCalls {
  allocate(size: number): CallMemory;
  /** Takes up to `count` datagrams without waiting; gives how many, or -1. */
  receive(fd: number, headers: Uint8Array, count: number): number;
  /** Sends up to `count` datagrams without waiting; gives how many, or -1. */
  send(fd: number, headers: Uint8Array, count: number): number;
}

/** Raises OS_CALLS_UNAVAILABLE. */
export function datagramCalls(): DatagramCalls {
  const c = calls();
  return {
    allocate: c.allocate,
    receive: (fd, headers, count) => c.recvmmsg(fd, headers, count, MSG_DONTWAIT, null),
    send: (fd, headers, count) => c.sendmmsg(fd, headers, count, MSG_DONTWAIT),
  };
}

export function integer(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}

export interface InterfaceSocketOptions {
  /** Nothing is heard from these. */
  readonly notFrom?: readonly Ipv4Address[];
  /** Without it no port is taken that another socket has; default true. */
  readonly sharesPort?: boolean;
  /** Routers that a datagram to a multicast group may pass, and one; default 1. */
  readonly multicastHops?: number;
  /** Of IPv6: this machine hears what the socket sends to a group; default true. */
  readonly multicastLoop?: boolean;
}

/** An open descriptor of a UDP socket that receives from and sends to `interfaceName` alone; `address` is of IPv4 or IPv6. */
export function openInterfaceSocket(
  interfaceName: string,
  address: string,
  port: number,
  { notFrom = [], sharesPort = true, multicastHops = 1, multicastLoop = true }: InterfaceSocketOptions,
): number {
  const c = calls();
  const ipv6 = ipv6Bytes(address);
  const family = ipv6 === undefined ? AF_INET : AF_INET6;
  const fd = c.socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw failure(c, 'open a UDP socket', `${interfaceName}, port ${port}`);
  const attempt = (what: string, result: number): void => {
    if (result >= 0) return;
    const error = failure(c, what, `${interfaceName}, port ${port}`);
    c.close(fd);
    throw error;
  };
  // As much as the system allows to everybody, or, with the right to it, enough for a whole classroom that is switched on at once.
  if (c.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, integer(RECEIVE_BUFFER), 4) < 0) {
    c.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, integer(RECEIVE_BUFFER), 4);
  }
  if (sharesPort) attempt('share the port', c.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, integer(1), 4));
  if (ipv6 === undefined) attempt('allow broadcasts', c.setsockopt(fd, SOL_SOCKET, SO_BROADCAST, integer(1), 4));
  else {
    attempt('leave IPv4 alone', c.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, integer(1), 4));
    // Else it hears groups that other sockets of this machine have joined.
    attempt('hear its own groups alone', c.setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, integer(0), 4));
    const loop = integer(multicastLoop ? 1 : 0);
    attempt('choose who hears it', c.setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, loop, 4));
  }
  // Node does not know the family of a descriptor that it is given, and would set IPv4's options.
  const [level, hops] = ipv6 === undefined ? [IPPROTO_IP, IP_MULTICAST_TTL] : [IPPROTO_IPV6, IPV6_MULTICAST_HOPS];
  attempt('choose how far it is heard', c.setsockopt(fd, level, hops, integer(multicastHops), 4));
  attempt('bind to the interface', bindToInterface(c, fd, interfaceName));
  const socketAddress = ipv6 === undefined ? ipv4SocketAddress(address, port) : ipv6SocketAddress(ipv6, port);
  if (notFrom.length > 0) attempt('filter senders', attachFilter(c, fd, sourceFilter(notFrom)));
  attempt('bind', c.bind(fd, socketAddress, socketAddress.length));
  return fd;
}

/** Below 0 when it cannot be done. */
export function bindToInterface(c: SocketCalls, fd: number, interfaceName: string): number {
  const name = new Uint8Array([...new TextEncoder().encode(interfaceName), 0]);
  return c.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length);
}

/** By `struct sock_fprog`: the number of instructions, padding, a pointer to them. The kernel keeps a copy of its own. */
function attachFilter(c: SocketCalls, fd: number, program: Uint8Array): number {
  const memory = c.allocate(program.length);
  new Uint8Array(memory.bytes).set(program);
  const argument = new DataView(new ArrayBuffer(16));
  const isLittle = endianness() === 'LE';
  argument.setUint16(0, program.length / 8, isLittle);
  argument.setBigUint64(8, memory.address, isLittle);
  return c.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, new Uint8Array(argument.buffer), argument.byteLength);
}

/** `struct sockaddr_in`; the family is in the machine's own byte order. */
function ipv4SocketAddress(address: string, port: number): Uint8Array {
  const socketAddress = new Uint8Array(SOCKADDR_IN_LENGTH);
  socketAddress.set(new Uint8Array(Uint16Array.of(AF_INET).buffer));
  writeU16(socketAddress, 2, port);
  socketAddress.set(ipv4ToBytes(parseIpv4(address)), 4);
  return socketAddress;
}

/** `struct sockaddr_in6` without a zone: sockets that are bound to an interface need none. */
export function ipv6SocketAddress(address: Uint8Array, port: number): Uint8Array {
  const socketAddress = new Uint8Array(SOCKADDR_IN6_LENGTH);
  socketAddress.set(new Uint8Array(Uint16Array.of(AF_INET6).buffer));
  writeU16(socketAddress, 2, port);
  socketAddress.set(address, 8);
  return socketAddress;
}

export function failure(c: SocketCalls, what: string, where: string): DisklessError {
  const name = errorName(c);
  const message = `cannot ${what} (${where}): ${name}`;
  switch (name) {
    case 'EADDRINUSE':
      return new DisklessError('NETWORK_PORT_IN_USE', message, {
        hint: 'Another program has the port: end it, or choose another port.',
      });
    case 'EACCES':
    case 'EPERM':
      return new DisklessError('NETWORK_PORT_FORBIDDEN', message, {
        hint: 'Run as root, or give the program CAP_NET_BIND_SERVICE and CAP_NET_RAW.',
      });
    case 'ENODEV':
      return new DisklessError('NETWORK_INTERFACE_UNKNOWN', message, { hint: '"ip link" lists the interfaces.' });
    case 'EADDRNOTAVAIL':
      return new DisklessError('NETWORK_ADDRESS_UNKNOWN', message, { hint: '"ip address" lists the addresses.' });
    default:
      return new DisklessError('NETWORK_SOCKET_FAILED', message);
  }
}
