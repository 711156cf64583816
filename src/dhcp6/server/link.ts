/** A link as the server serves it: its pool and what its machines are told about their network. */

import { DisklessError, type Ipv6Address, type Ipv6Prefix, ipv6InPrefix, ipv6ToNumber } from '../../bytes/index.ts';
import type { OptionList } from '../option-list.ts';
import { hasReservedIdentifier } from './reserved-identifiers.ts';

/** Both ends belong to it. */
export interface Ipv6Range {
  readonly first: Ipv6Address;
  readonly last: Ipv6Address;
}

export interface Dhcp6Link {
  /** An address in another prefix does not belong to the link (RFC 8415 §18.3.2). */
  readonly prefixes: readonly Ipv6Prefix[];
  readonly pool: Ipv6Range;
  /** Addresses inside the pool that belong to somebody else: the server's own, routers'. */
  readonly excluded: readonly Ipv6Address[];
  /** Seconds; 0xffffffff is for ever. */
  readonly preferredLifetime: number;
  readonly validLifetime: number;
  readonly domainNameServers: readonly Ipv6Address[];
  readonly domainSearch: readonly string[];
  /** Further options for every client that asks for them. */
  readonly options?: OptionList;
}

/** Raises DHCP6_POOL_OUTSIDE_PREFIX or DHCP6_POOL_EMPTY when the pool cannot serve the link. */
export function checkPool({ prefixes, pool, excluded }: Pick<Dhcp6Link, 'prefixes' | 'pool' | 'excluded'>): void {
  const name = `${pool.first}-${pool.last}`;
  const within = prefixes.some((prefix) => [pool.first, pool.last].every((end) => ipv6InPrefix(end, prefix)));
  if (!within) {
    const all = prefixes.map(({ network, length }) => `${network}/${length}`).join(', ');
    throw new DisklessError('DHCP6_POOL_OUTSIDE_PREFIX', `the pool ${name} lies in no prefix of its link (${all})`, {
      hint: 'Choose a first and a last address with the prefix of the interface.',
    });
  }
  const taken = excluded.filter((address) => inRange(address, pool)).length;
  if (poolSize(pool) > BigInt(taken)) return;
  throw new DisklessError('DHCP6_POOL_EMPTY', `the pool ${name} holds no address for a client`, {
    hint: 'Choose a last address above the first, and more than this server’s own.',
  });
}

export function poolSize({ first, last }: Ipv6Range): bigint {
  const size = ipv6ToNumber(last) - ipv6ToNumber(first) + 1n;
  return size > 0n ? size : 0n;
}

export function inRange(address: Ipv6Address, { first, last }: Ipv6Range): boolean {
  const value = ipv6ToNumber(address);
  return value >= ipv6ToNumber(first) && value <= ipv6ToNumber(last);
}

export function isOnLink(address: Ipv6Address, { prefixes }: Dhcp6Link): boolean {
  return prefixes.some((prefix) => ipv6InPrefix(address, prefix));
}

/** An address that may be given to any client. */
export function inPool(address: Ipv6Address, { pool, excluded }: Dhcp6Link): boolean {
  return inRange(address, pool) && !excluded.includes(address) && !hasReservedIdentifier(address);
}
