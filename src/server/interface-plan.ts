/** What is served on each interface: its address and subnet, and the pool that machines get their addresses from. Pure. */

import {
  DisklessError,
  type Ipv4Address,
  type Ipv4Subnet,
  ipv4FromNumber,
  ipv4InSubnet,
  ipv4Subnet,
  ipv4ToNumber,
  type MacAddress,
} from '../bytes/index.ts';
import { type AddressRange, checkPool, wholePool } from '../dhcp/server/subnet.ts';
import type { NetworkInterface } from '../os/network.ts';
import { checkIpv6IsUsed, type Ipv6Plan, planIpv6, planRelayedIpv6 } from './ipv6-plan.ts';
import type { BootServerOptions } from './options.ts';

export interface InterfacePlan {
  readonly name: string;
  readonly mac: MacAddress;
  /** The server's own address there. */
  readonly address: Ipv4Address;
  readonly subnet: Ipv4Subnet;
  /** Undefined where no addresses are given. */
  readonly pool: AddressRange | undefined;
  /** Addresses inside the pool that are not for machines. */
  readonly excluded: readonly Ipv4Address[];
  /** Undefined where IPv6 is not served. */
  readonly ipv6: Ipv6Plan | undefined;
}

/** A network whose machines ask through a relay agent, by whichever interface the agent finds this server. */
export interface RelayedPlan {
  readonly subnet: Ipv4Subnet;
  readonly pool: AddressRange;
  readonly excluded: readonly Ipv4Address[];
  readonly router: Ipv4Address | undefined;
}

type Wanted = Pick<BootServerOptions, 'interfaces' | 'pools' | 'dhcpMode' | 'ipv6' | 'router' | 'relayedSubnets'>;

/**
 * Raises INTERFACE_NOT_GIVEN, INTERFACE_UNKNOWN, INTERFACE_DOWN, INTERFACE_NO_ADDRESS, INTERFACE_NO_DHCP, DHCP_POOL_EMPTY,
 * DHCP_POOL_OUTSIDE_SUBNET, ROUTER_OUTSIDE_SUBNET, INTERFACE_NO_IPV6_ADDRESS, DHCP6_POOL_OUTSIDE_PREFIX, DHCP6_POOL_EMPTY,
 * DHCP6_PREFIX_UNUSED.
 */
export function planInterfaces(present: readonly NetworkInterface[], wanted: Wanted): InterfacePlan[] {
  if (wanted.interfaces.length === 0) {
    throw new DisklessError('INTERFACE_NOT_GIVEN', 'no interface to serve was given', {
      hint: `Give --interface with the one that the machines are on: ${candidates(present)}.`,
    });
  }
  const plans = [...new Set(wanted.interfaces)].map((name) => planInterface(name, present, wanted));
  const relayed = planRelayed(wanted);
  for (const pool of wanted.pools) checkPoolIsUsed(pool, plans, relayed);
  if (wanted.router !== undefined) checkRouter(wanted.router, plans);
  if (wanted.ipv6 !== undefined) {
    checkIpv6IsUsed(wanted.ipv6, [...plans.flatMap(({ ipv6 }) => ipv6 ?? []), ...planRelayedIpv6(wanted.ipv6)]);
  }
  return plans;
}

/** Raises DHCP_POOL_EMPTY, DHCP_POOL_OUTSIDE_SUBNET. */
export function planRelayed({ relayedSubnets, pools }: Pick<Wanted, 'relayedSubnets' | 'pools'>): RelayedPlan[] {
  return relayedSubnets.map(({ subnet, router }) => {
    const excluded = router === undefined ? [] : [router];
    const pool = pools.find(({ first }) => ipv4InSubnet(first, subnet)) ?? defaultPool(subnet);
    checkPool({ subnet, pool, excluded });
    return { subnet, pool, excluded, router };
  });
}

function planInterface(name: string, present: readonly NetworkInterface[], wanted: Wanted): InterfacePlan {
  const one = present.find((candidate) => candidate.name === name);
  if (one === undefined) {
    throw new DisklessError('INTERFACE_UNKNOWN', `there is no interface ${name}`, {
      hint: `This machine has ${candidates(present)}.`,
    });
  }
  if (!one.up) {
    throw new DisklessError('INTERFACE_DOWN', `the interface ${name} is down`, { hint: `Run: ip link set ${name} up` });
  }
  const chosen = addressOf(one, wanted.pools);
  const subnet = ipv4Subnet(chosen.address, chosen.prefix);
  const ipv6 = wanted.ipv6 === undefined ? undefined : planIpv6(one, wanted.ipv6, present);
  if (wanted.dhcpMode === 'off') {
    return { name, mac: one.mac, address: chosen.address, subnet, pool: undefined, excluded: [], ipv6 };
  }
  if (one.mac === '00:00:00:00:00:00') {
    throw new DisklessError(
      'INTERFACE_NO_DHCP',
      `the interface ${name} has no hardware address, so DHCP cannot be served`,
      {
        hint: 'Choose an Ethernet interface, or give --dhcp off.',
      },
    );
  }
  // Those of its other interfaces as well: two may be on one network.
  const own = present.flatMap(({ ipv4 }) => ipv4.map(({ address }) => address));
  const taken = wanted.router === undefined ? own : [...own, wanted.router];
  const excluded = taken.filter((address) => ipv4InSubnet(address, subnet));
  const pool = wanted.pools.find(({ first }) => ipv4InSubnet(first, subnet)) ?? defaultPool(subnet);
  checkPool({ subnet, pool, excluded });
  return { name, mac: one.mac, address: chosen.address, subnet, pool, excluded, ipv6 };
}

/** The address whose subnet a given pool lies in, else the first that a router would forward. */
function addressOf({ name, ipv4 }: NetworkInterface, pools: readonly AddressRange[]) {
  const holdsPool = ipv4.find(({ address, prefix }) =>
    pools.some(({ first }) => ipv4InSubnet(first, ipv4Subnet(address, prefix))),
  );
  const chosen = holdsPool ?? ipv4.find(({ address }) => !isLinkLocal(address)) ?? ipv4[0];
  if (chosen !== undefined) return chosen;
  throw new DisklessError('INTERFACE_NO_ADDRESS', `the interface ${name} has no IPv4 address`, {
    hint: `Give it one of a private network, such as: ip address add 192.168.77.1/24 dev ${name}`,
  });
}

/** RFC 3927. */
function isLinkLocal(address: Ipv4Address): boolean {
  return address.startsWith('169.254.');
}

const SMALL_POOL = 16;

/** The upper half, as people give fixed addresses from the bottom; a subnet too small to be divided is used as a whole. */
function defaultPool(subnet: Ipv4Subnet): AddressRange {
  const whole = wholePool(subnet);
  const first = ipv4ToNumber(whole.first);
  const last = ipv4ToNumber(whole.last);
  const half = first + Math.ceil((last - first) / 2);
  return last - half < SMALL_POOL ? whole : { first: ipv4FromNumber(half), last: whole.last };
}

function checkPoolIsUsed(pool: AddressRange, plans: readonly InterfacePlan[], relayed: readonly RelayedPlan[]): void {
  const isUsed =
    plans.some((plan) => plan.pool === pool || plan.pool === undefined) || relayed.some((plan) => plan.pool === pool);
  if (isUsed) return;
  const subnets = plans.map(({ name, subnet }) => `${name} has ${subnet.network}/${subnet.prefix}`).join(', ');
  throw new DisklessError(
    'DHCP_POOL_OUTSIDE_SUBNET',
    `the pool ${pool.first}-${pool.last} lies in no served subnet that has no pool yet: ${subnets}`,
    { hint: 'Choose addresses of the interface’s own subnet, one pool for each.' },
  );
}

/** A gateway that a machine cannot reach directly would cut it off from its disk's way back. */
function checkRouter(router: Ipv4Address, plans: readonly InterfacePlan[]): void {
  if (plans.some(({ subnet }) => ipv4InSubnet(router, subnet))) return;
  const subnets = plans.map(({ subnet }) => `${subnet.network}/${subnet.prefix}`).join(', ');
  throw new DisklessError('ROUTER_OUTSIDE_SUBNET', `the router ${router} lies outside of ${subnets}`, {
    hint: 'Give the gateway’s address on the machines’ own network.',
  });
}

function candidates(present: readonly NetworkInterface[]): string {
  const names = present
    .filter(({ name }) => name !== 'lo')
    .map(({ name, ipv4 }) => {
      const [first] = ipv4;
      return first === undefined ? `${name} (no address)` : `${name} (${first.address}/${first.prefix})`;
    });
  return names.length === 0 ? 'no interface but lo' : names.join(', ');
}
