/**
 * IPv6 addresses and prefixes. An address is kept as text in its canonical form (RFC 5952), so that it compares, sorts into maps and
 * prints as it is; arithmetic happens on the unsigned 128-bit number.
 */

import { DisklessError } from './error.ts';
import { ipv4FromBytes, ipv4ToBytes, isIpv4 } from './ipv4.ts';
import { readU16, readU64, writeU64 } from './layout.ts';

export type Ipv6Address = string & { readonly kind: 'Ipv6Address' };

export const IPV6_ANY = '::' as Ipv6Address;

const LENGTH = 16;
const GROUPS = 8;

/** A link-local address is given with the interface that it is of behind it (`fe80::1%eth0`), which names no part of it. */
export function addressWithoutZone(text: string): string {
  return text.split('%')[0] ?? '';
}

/** An address or a name as URIs have it (RFC 3986 §3.2.2): IPv6 in brackets. */
export function uriHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** The other way round: what brackets are around an address are left out. */
export function hostOfUri(text: string): string {
  return text.replace(/^\[(.*)\]$/, '$1');
}

/** The 16 bytes of a literal without zone (RFC 4291 §2.2); undefined when it is none. */
export function ipv6Bytes(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = [halves[0] ?? '', halves[1] ?? ''].map(groupBytes);
  if (head === undefined || tail === undefined) return undefined;
  const missing = LENGTH - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...tail]);
}

function groupBytes(text: string): number[] | undefined {
  if (text === '') return [];
  const groups = text.split(':');
  const bytes: number[] = [];
  for (const [index, group] of groups.entries()) {
    if (isIpv4(group) && index === groups.length - 1) bytes.push(...ipv4ToBytes(group));
    else if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 255);
    } else return undefined;
  }
  return bytes;
}

/** Whatever form of RFC 4291 a literal without zone has, the result is the canonical one; undefined when it is none. */
export function ipv6OfLiteral(text: string): Ipv6Address | undefined {
  const bytes = ipv6Bytes(text);
  return bytes && ipv6FromBytes(bytes);
}

/** The same. Raises ADDRESS_IPV6_INVALID. */
export function parseIpv6(text: string): Ipv6Address {
  const address = ipv6OfLiteral(text);
  if (address !== undefined) return address;
  throw new DisklessError('ADDRESS_IPV6_INVALID', `"${text}" is not an IPv6 address`, {
    hint: 'Write groups of hex digits between colons, such as 2001:db8::10, without brackets and zone.',
  });
}

/** RFC 5952 §4: lower case, no leading zeros, the longest run of zero groups shortened, the first one of equals. */
export function ipv6FromBytes(bytes: Uint8Array, at = 0): Ipv6Address {
  const groups = Array.from({ length: GROUPS }, (_, index) => readU16(bytes, at + 2 * index));
  const run = longestZeroRun(groups);
  // RFC 5952 §5: the prefix says that an IPv4 address is inside.
  if (run.start === 0 && run.length === 5 && groups[5] === 0xffff) {
    return `::ffff:${ipv4FromBytes(bytes, at + 12)}` as Ipv6Address;
  }
  const text = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  if (run.length < 2) return text(0, GROUPS) as Ipv6Address;
  return `${text(0, run.start)}::${text(run.start + run.length, GROUPS)}` as Ipv6Address;
}

function longestZeroRun(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let longest = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > longest.length) longest = { start, length: index + 1 - start };
  }
  return longest;
}

export function ipv6ToBytes(address: Ipv6Address): Uint8Array {
  return ipv6Bytes(address) ?? new Uint8Array(LENGTH);
}

export function ipv6ToNumber(address: Ipv6Address): bigint {
  const bytes = ipv6ToBytes(address);
  return (readU64(bytes, 0) << 64n) | readU64(bytes, 8);
}

/** The lowest 128 bits count. */
export function ipv6FromNumber(value: bigint): Ipv6Address {
  const bytes = new Uint8Array(LENGTH);
  writeU64(bytes, 0, BigInt.asUintN(64, value >> 64n));
  writeU64(bytes, 8, BigInt.asUintN(64, value));
  return ipv6FromBytes(bytes);
}

/** The addresses whose first `length` bits (0..128) are those of `network`. */
export interface Ipv6Prefix {
  readonly network: Ipv6Address;
  readonly length: number;
}

/** The prefix that `address` lies in when `length` bits of it name the network. */
export function ipv6Prefix(address: Ipv6Address, length: number): Ipv6Prefix {
  const host = BigInt(128 - length);
  return { network: ipv6FromNumber((ipv6ToNumber(address) >> host) << host), length };
}

export function ipv6InPrefix(address: Ipv6Address, prefix: Ipv6Prefix): boolean {
  return ipv6Prefix(address, prefix.length).network === prefix.network;
}

/** How far an address reaches: `unique-local` (RFC 4193) and `global` ones pass routers. */
export type Ipv6Scope = 'unspecified' | 'loopback' | 'multicast' | 'link-local' | 'unique-local' | 'global';

/** RFC 4291 §2.4 */
export function ipv6Scope(address: Ipv6Address): Ipv6Scope {
  if (address === '::') return 'unspecified';
  if (address === '::1') return 'loopback';
  const first = readU16(ipv6ToBytes(address), 0);
  if (first >= 0xff00) return 'multicast';
  if ((first & 0xffc0) === 0xfe80) return 'link-local';
  return (first & 0xfe00) === 0xfc00 ? 'unique-local' : 'global';
}
