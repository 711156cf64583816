/** What is served on an interface over IPv6: the server's own address, its prefix, and the pool. Pure. */

import {
  DisklessError,
  type Ipv6Address,
  type Ipv6Prefix,
  ipv6FromNumber,
  ipv6Prefix,
  ipv6Scope,
  ipv6ToNumber,
} from '../bytes/index.ts';
import type { Ipv6Range } from '../dhcp6/server/link.ts';
import type { NetworkInterface } from '../os/network.ts';

export interface Ipv6Plan {
  /** The server's own address there. */
  readonly address: Ipv6Address;
  readonly prefix: Ipv6Prefix;
  readonly pool: Ipv6Range;
}

/** Raises INTERFACE_NO_IPV6_ADDRESS. */
export function planIpv6({ name, ipv6 }: NetworkInterface): Ipv6Plan {
  const reaching = ipv6.filter(({ address, state }) => state !== 'duplicate' && isReachable(address));
  const chosen = reaching.find(({ prefix }) => prefix <= LONGEST_PREFIX);
  if (chosen !== undefined) {
    const prefix = ipv6Prefix(chosen.address, chosen.prefix);
    return { address: chosen.address, prefix, pool: poolIn(prefix) };
  }
  const has = reaching.map(({ address, prefix }) => `${address}/${prefix}`).join(', ') || 'none';
  const what = `the interface ${name} has no IPv6 address to serve machines from (${has})`;
  throw new DisklessError('INTERFACE_NO_IPV6_ADDRESS', what, {
    hint: `Give it one with a prefix of at most ${LONGEST_PREFIX}, such as: ip address add fd00:77::1/64 dev ${name}; or give --dhcp6 off.`,
  });
}

/** The pool begins behind as many addresses as it has itself, which people give by hand. */
const POOL_SIZE = 0x1_0000n;
const LONGEST_PREFIX = 111;

/** A disk at a link-local address could not be named: a Root Path has no zone. */
function isReachable(address: Ipv6Address): boolean {
  const scope = ipv6Scope(address);
  return scope === 'global' || scope === 'unique-local';
}

function poolIn({ network }: Ipv6Prefix): Ipv6Range {
  const first = ipv6ToNumber(network) + POOL_SIZE;
  return { first: ipv6FromNumber(first), last: ipv6FromNumber(first + POOL_SIZE - 1n) };
}
