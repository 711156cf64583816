/**
 * IPv4 addresses and subnets. An address is kept as dotted text (what sockets take and people read); arithmetic happens on the
 * unsigned 32-bit number.
 */

import { DisklessError } from './error.ts';
import { readU32, writeU32 } from './layout.ts';

const DOT = 0x2e;
const ZERO = 0x30;

export type Ipv4Address = string & { readonly kind: 'Ipv4Address' };

export const IPV4_ANY = '0.0.0.0' as Ipv4Address;
export const IPV4_BROADCAST = '255.255.255.255' as Ipv4Address;

export function isIpv4(text: string): text is Ipv4Address {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255);
}

/** Raises ADDRESS_IPV4_INVALID. */
export function parseIpv4(text: string): Ipv4Address {
  if (isIpv4(text)) return text;
  throw new DisklessError('ADDRESS_IPV4_INVALID', `"${text}" is not an IPv4 address`, {
    hint: 'Write four decimal numbers of 0 to 255, such as 192.0.2.10.',
  });
}

export function ipv4ToNumber(address: Ipv4Address): number {
  let value = 0;
  let part = 0;
  for (let at = 0; at < address.length; at++) {
    const character = address.charCodeAt(at);
    if (character === DOT) {
      value = value * 256 + part;
      part = 0;
    } else part = part * 10 + character - ZERO;
  }
  return value * 256 + part;
}

export function ipv4FromNumber(value: number): Ipv4Address {
  if (value === 0) return IPV4_ANY;
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}` as Ipv4Address;
}

export function ipv4FromBytes(bytes: Uint8Array, at = 0): Ipv4Address {
  return ipv4FromNumber(readU32(bytes, at));
}

export function ipv4ToBytes(address: Ipv4Address): Uint8Array {
  const bytes = new Uint8Array(4);
  writeU32(bytes, 0, ipv4ToNumber(address));
  return bytes;
}

/** A subnet: the network's own address and the prefix length (0..32). */
export interface Ipv4Subnet {
  readonly network: Ipv4Address;
  readonly prefix: number;
}

export function ipv4Mask(prefix: number): Ipv4Address {
  return ipv4FromNumber(prefix === 0 ? 0 : (0xffff_ffff << (32 - prefix)) >>> 0);
}

/** The length of a mask's prefix; undefined for what is no mask. */
export function ipv4PrefixOf(mask: Ipv4Address): number | undefined {
  const prefix = Math.clz32(~ipv4ToNumber(mask));
  return ipv4Mask(prefix) === mask ? prefix : undefined;
}

/** The subnet that `address` lies in when `prefix` bits of it name the network. */
export function ipv4Subnet(address: Ipv4Address, prefix: number): Ipv4Subnet {
  const mask = ipv4ToNumber(ipv4Mask(prefix));
  return { network: ipv4FromNumber((ipv4ToNumber(address) & mask) >>> 0), prefix };
}

export function ipv4BroadcastOf(subnet: Ipv4Subnet): Ipv4Address {
  const host = ~ipv4ToNumber(ipv4Mask(subnet.prefix)) >>> 0;
  return ipv4FromNumber((ipv4ToNumber(subnet.network) | host) >>> 0);
}

export function ipv4InSubnet(address: Ipv4Address, subnet: Ipv4Subnet): boolean {
  const difference = ipv4ToNumber(address) ^ ipv4ToNumber(subnet.network);
  return subnet.prefix === 0 || difference >>> (32 - subnet.prefix) === 0;
}
