/** What is served over IPv6: on each interface the server's own address, its prefix and the pool; and the networks behind relay agents. Pure. */

import {
  DisklessError,
  type Ipv6Address,
  type Ipv6Prefix,
  ipv6FromNumber,
  ipv6InPrefix,
  ipv6Prefix,
  ipv6Scope,
  ipv6ToNumber,
} from '../bytes/index.ts';
import { checkPool, type Ipv6Range } from '../dhcp6/server/link.ts';
import type { Ipv6InterfaceAddress, NetworkInterface } from '../os/network.ts';
import type { Ipv6Options } from './options.ts';

/** A network that addresses are given on. */
export interface Ipv6NetworkPlan {
  readonly prefix: Ipv6Prefix;
  readonly pool: Ipv6Range;
  /** Addresses inside the pool that are not for machines. */
  readonly excluded: readonly Ipv6Address[];
}

export interface Ipv6Plan extends Ipv6NetworkPlan {
  /** The server's own address there. */
  readonly address: Ipv6Address;
}

type Wanted = Pick<Ipv6Options, 'prefixes' | 'pools' | 'relayedPrefixes'>;

/** `present` are all interfaces of this machine. Raises INTERFACE_NO_IPV6_ADDRESS, DHCP6_POOL_OUTSIDE_PREFIX, DHCP6_POOL_EMPTY. */
export function planIpv6(one: NetworkInterface, wanted: Wanted, present: readonly NetworkInterface[]): Ipv6Plan {
  const candidates = one.ipv6
    .filter(isReachable)
    .map(({ address, prefix }) => ({ address, prefix: prefixOf(address, prefix, wanted) }));
  const usable = candidates.filter(({ prefix }) => prefix.length <= LONGEST_PREFIX);
  const chosen =
    usable.find(({ prefix }) => wanted.prefixes.includes(prefix)) ??
    usable.find(({ prefix }) => wanted.pools.some(({ first }) => ipv6InPrefix(first, prefix))) ??
    usable[0];
  if (chosen === undefined) throw noAddress(one);
  // Those of its other interfaces as well: two may be on one network.
  const own = present.flatMap(({ ipv6: each }) => each.map(({ address }) => address));
  return { address: chosen.address, ...planNetwork(chosen.prefix, own, wanted) };
}

/** Raises DHCP6_POOL_OUTSIDE_PREFIX, DHCP6_POOL_EMPTY. */
export function planRelayedIpv6(wanted: Wanted): Ipv6NetworkPlan[] {
  return wanted.relayedPrefixes.map(({ prefix, router }) =>
    planNetwork(prefix, router === undefined ? [] : [router], wanted),
  );
}

/** What was given for IPv6 is for some network. Raises DHCP6_PREFIX_UNUSED, DHCP6_POOL_OUTSIDE_PREFIX. */
export function checkIpv6IsUsed({ prefixes, pools }: Wanted, plans: readonly Ipv6NetworkPlan[]): void {
  const networks = plans.map(({ prefix }) => textOf(prefix)).join(', ');
  const idlePrefix = prefixes.find((prefix) => !plans.some((plan) => plan.prefix === prefix));
  if (idlePrefix !== undefined) {
    const what = `no served interface has its address in ${textOf(idlePrefix)} (served: ${networks})`;
    throw new DisklessError('DHCP6_PREFIX_UNUSED', what, {
      hint: 'Give the interface an address in it, one prefix for each interface.',
    });
  }
  const idlePool = pools.find((pool) => !plans.some((plan) => plan.pool === pool));
  if (idlePool === undefined) return;
  const what = `the pool ${idlePool.first}-${idlePool.last} lies in no served prefix that has no pool yet (${networks})`;
  throw new DisklessError('DHCP6_POOL_OUTSIDE_PREFIX', what, {
    hint: 'Choose addresses with the prefix of the interface, one pool for each.',
  });
}

export function textOf({ network, length }: Ipv6Prefix): string {
  return `${network}/${length}`;
}

/** An interface may say less than is true of its network: a prefix that was given by hand counts more. */
function prefixOf(address: Ipv6Address, length: number, { prefixes }: Wanted): Ipv6Prefix {
  return prefixes.find((prefix) => ipv6InPrefix(address, prefix)) ?? ipv6Prefix(address, length);
}

function planNetwork(prefix: Ipv6Prefix, taken: readonly Ipv6Address[], { pools }: Wanted): Ipv6NetworkPlan {
  const excluded = taken.filter((address) => ipv6InPrefix(address, prefix));
  const pool = pools.find(({ first }) => ipv6InPrefix(first, prefix)) ?? defaultPool(prefix);
  checkPool({ prefixes: [prefix], pool, excluded });
  return { prefix, pool, excluded };
}

/** Two addresses for machines at least, behind as many for other uses. */
const LONGEST_PREFIX = 126;
const LARGEST_POOL = 0x1_0000n;

/** The pool begins behind as many addresses as it has itself, which people give by hand. */
function defaultPool({ network, length }: Ipv6Prefix): Ipv6Range {
  const half = 1n << BigInt(127 - length);
  const size = half < LARGEST_POOL ? half : LARGEST_POOL;
  const first = ipv6ToNumber(network) + size;
  return { first: ipv6FromNumber(first), last: ipv6FromNumber(first + size - 1n) };
}

/** It has an address that a disk can be named by. */
export function hasReachableIpv6({ ipv6 }: NetworkInterface): boolean {
  return ipv6.some(isReachable);
}

/** A disk at a link-local address could not be named: a Root Path has no zone. */
function isReachable({ address, state }: Ipv6InterfaceAddress): boolean {
  const scope = ipv6Scope(address);
  return state !== 'duplicate' && (scope === 'global' || scope === 'unique-local');
}

function noAddress({ name, ipv4, ipv6 }: NetworkInterface): DisklessError {
  const list = ipv6.map(shortcoming).join('; ') || 'none';
  const what = `the interface ${name} has no IPv6 address to serve machines from (${list})`;
  const command = `ip address add fd00:77::1/64 dev ${name}`;
  const without = ipv4.length === 0 ? '' : '; or give --dhcp6 off';
  return new DisklessError('INTERFACE_NO_IPV6_ADDRESS', what, {
    hint: `Give it one with a prefix of at most ${LONGEST_PREFIX}, such as: ${command}; or say how long its prefix is by --ipv6-prefix${without}.`,
  });
}

/** Why it will not do. */
function shortcoming(one: Ipv6InterfaceAddress): string {
  const text = `${one.address}/${one.prefix}`;
  if (one.state === 'duplicate') return `${text}: another host has it too`;
  return isReachable(one) ? text : `${text}: ${ipv6Scope(one.address)}, which no Root Path can name`;
}
