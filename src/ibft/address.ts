/** The 16 bytes of an address in a table: an IPv6 one as it is, an IPv4 one as `::ffff:192.0.2.1`, none as zeros. */

import {
  IPV4_ANY,
  IPV6_ANY,
  type Ipv4Address,
  type Ipv6Address,
  ipv4FromBytes,
  ipv4ToBytes,
  ipv6FromBytes,
  ipv6ToBytes,
  isIpv4,
} from '../bytes/index.ts';
import type { IpAddress } from './table.ts';

const LENGTH = 16;
const IPV4_MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

export function encodeAddress(address: IpAddress | undefined): Uint8Array {
  if (address === undefined) return new Uint8Array(LENGTH);
  return isIpv4(address) ? Uint8Array.from([...IPV4_MAPPED, ...ipv4ToBytes(address)]) : ipv6ToBytes(address);
}

/** EDK2 writes an IPv4 address that it does not have as `::ffff:0.0.0.0`. */
export function decodeAddress(bytes: Uint8Array): IpAddress | undefined {
  const isMapped = IPV4_MAPPED.every((byte, index) => bytes[index] === byte);
  const address: Ipv4Address | Ipv6Address = isMapped ? ipv4FromBytes(bytes, IPV4_MAPPED.length) : ipv6FromBytes(bytes);
  return address === IPV4_ANY || address === IPV6_ANY ? undefined : address;
}
