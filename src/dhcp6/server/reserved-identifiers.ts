/**
 * Interface identifiers that belong to nobody (RFC 8415 §13.1): IANA's registry of reserved IPv6 interface identifiers (RFC 5453), and the
 * subnet's routers' common address (RFC 4291 §2.6.1), whose identifier is 0.
 */

import { type Ipv6Address, ipv6ToNumber } from '../../bytes/index.ts';

const IDENTIFIER_BITS = 64;

/** Both ends belong to them. */
const reserved: readonly (readonly [first: bigint, last: bigint])[] = [
  [0n, 0n],
  // IANA's own block of Ethernet addresses, Proxy Mobile IPv6's among them.
  [0x0200_5eff_fe00_0000n, 0x0200_5eff_feff_ffffn],
  // Anycast addresses (RFC 2526).
  [0xfdff_ffff_ffff_ff80n, 0xfdff_ffff_ffff_ffffn],
];

export function hasReservedIdentifier(address: Ipv6Address): boolean {
  const identifier = BigInt.asUintN(IDENTIFIER_BITS, ipv6ToNumber(address));
  return reserved.some(([first, last]) => identifier >= first && identifier <= last);
}
