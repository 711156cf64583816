/** What is served over IPv4: on each interface the server's own address, its subnet and the pool; and the networks behind relay agents. Pure. */

import {
  DisklessError,
  type Ipv4Address,
  type Ipv4Subnet,
  ipv4FromNumber,
  ipv4InSubnet,
  ipv4Subnet,
  ipv4ToNumber,
  isIpv4,
} from '../bytes/index.ts';
import { type AddressRange, checkPool, wholePool } from '../dhcp/server/subnet.ts';
import type { NetworkInterface } from '../os/network.ts';
import type { BootServerOptions } from './options.ts';

export interface Ipv4Plan {
  /** The server's own address there. */
  readonly address: Ipv4Address;
  readonly subnet: Ipv4Subnet;
  /** Undefined where no addresses are given. */
  readonly pool: AddressRange | undefined;
  /** Addresses inside the pool that are not for machines. */
  readonly excluded: readonly Ipv4Address[];
}

/** A network whose machines ask through a relay agent, by whichever interface the agent finds this server. */
export interface RelayedPlan {
  readonly subnet: Ipv4Subnet;
  readonly pool: AddressRange;
  readonly excluded: readonly Ipv4Address[];
  readonly router: Ipv4Address | undefined;
}

export type WantedIpv4 = Pick<
  BootServerOptions,
  | 'interfaces'
  | 'pools'
  | 'dhcpMode'
  | 'router'
  | 'relayedSubnets'
  | 'reservations'
  | 'authenticationKeys'
  | 'dns'
  | 'slp'
>;

/** Undefined for an interface without an address; `present` are all interfaces of this machine. Raises INTERFACE_NO_DHCP, DHCP_POOL_EMPTY, DHCP_POOL_OUTSIDE_SUBNET. */
export function planIpv4(
  one: NetworkInterface,
  wanted: WantedIpv4,
  present: readonly NetworkInterface[],
): Ipv4Plan | undefined {
  const chosen = addressOf(one, wanted.pools);
  if (chosen === undefined) return undefined;
  const { address } = chosen;
  const subnet = ipv4Subnet(address, chosen.prefix);
  if (wanted.dhcpMode === 'off') return { address, subnet, pool: undefined, excluded: [] };
  if (one.mac === '00:00:00:00:00:00') {
    const what = `the interface ${one.name} has no hardware address, so DHCP cannot be served`;
    throw new DisklessError('INTERFACE_NO_DHCP', what, {
      hint: 'Choose an Ethernet interface, or give --dhcp off.',
    });
  }
  // Those of its other interfaces as well: two may be on one network.
  const own = present.flatMap(({ ipv4 }) => ipv4.map((each) => each.address));
  const taken = wanted.router === undefined ? own : [...own, wanted.router];
  const excluded = taken.filter((each) => ipv4InSubnet(each, subnet));
  const pool = wanted.pools.find(({ first }) => ipv4InSubnet(first, subnet)) ?? defaultPool(subnet);
  checkPool({ subnet, pool, excluded });
  return { address, subnet, pool, excluded };
}

/** Raises DHCP_POOL_EMPTY, DHCP_POOL_OUTSIDE_SUBNET. */
export function planRelayedIpv4({
  relayedSubnets,
  pools,
}: Pick<WantedIpv4, 'relayedSubnets' | 'pools'>): RelayedPlan[] {
  return relayedSubnets.map(({ subnet, router }) => {
    const excluded = router === undefined ? [] : [router];
    const pool = pools.find(({ first }) => ipv4InSubnet(first, subnet)) ?? defaultPool(subnet);
    checkPool({ subnet, pool, excluded });
    return { subnet, pool, excluded, router };
  });
}

/** What was given for IPv4 is for some network. Raises INTERFACE_NO_ADDRESS, DHCP_POOL_OUTSIDE_SUBNET, ROUTER_OUTSIDE_SUBNET. */
export function checkIpv4IsUsed(wanted: WantedIpv4, plans: readonly Ipv4Plan[]): void {
  if (plans.length === 0) checkIpv4IsNotWanted(wanted);
  const relayed = planRelayedIpv4(wanted);
  for (const pool of wanted.pools) checkPoolIsUsed(pool, plans, relayed);
  if (wanted.router !== undefined) checkRouter(wanted.router, plans);
}

/** Where no interface has an address of IPv4. */
function checkIpv4IsNotWanted({ interfaces, router, ...lists }: WantedIpv4): void {
  const given = {
    '--pool': lists.pools,
    '--relayed-subnet': lists.relayedSubnets,
    '--reserve': lists.reservations,
    '--dhcp-auth-file': lists.authenticationKeys,
    '--slp-agent': lists.slp?.directoryAgents.filter(isIpv4) ?? [],
    '--dns': lists.dns,
    '--router': router === undefined ? [] : [router],
  };
  const idle = Object.entries(given).find(([, values]) => values.length > 0);
  if (idle === undefined) return;
  const what = `${idle[0]} is of IPv4, and no served interface has an IPv4 address (${interfaces.join(', ')})`;
  throw new DisklessError('INTERFACE_NO_ADDRESS', what, {
    hint: `Leave it out, as machines there are served over IPv6 alone; or ${giveAddress(interfaces[0] ?? 'NAME')}`,
  });
}

export function subnetText({ network, prefix }: Ipv4Subnet): string {
  return `${network}/${prefix}`;
}

/** What to do for an interface that lacks an address. */
export function giveAddress(name: string): string {
  return `give the interface an address of a private network, such as: ip address add 192.168.77.1/24 dev ${name}`;
}

/** The address whose subnet a given pool lies in, else the first that a router would forward. */
function addressOf({ ipv4 }: NetworkInterface, pools: readonly AddressRange[]) {
  const holdsPool = ipv4.find(({ address, prefix }) =>
    pools.some(({ first }) => ipv4InSubnet(first, ipv4Subnet(address, prefix))),
  );
  return holdsPool ?? ipv4.find(({ address }) => !isLinkLocal(address)) ?? ipv4[0];
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

function checkPoolIsUsed(pool: AddressRange, plans: readonly Ipv4Plan[], relayed: readonly RelayedPlan[]): void {
  const isUsed =
    plans.some((plan) => plan.pool === pool || plan.pool === undefined) || relayed.some((plan) => plan.pool === pool);
  if (isUsed) return;
  const subnets = plans.map(({ subnet }) => subnetText(subnet)).join(', ');
  throw new DisklessError(
    'DHCP_POOL_OUTSIDE_SUBNET',
    `the pool ${pool.first}-${pool.last} lies in no served subnet that has no pool yet (${subnets})`,
    { hint: 'Choose addresses of the interface’s own subnet, one pool for each.' },
  );
}

/** A gateway that a machine cannot reach directly would cut it off from its disk's way back. */
function checkRouter(router: Ipv4Address, plans: readonly Ipv4Plan[]): void {
  if (plans.some(({ subnet }) => ipv4InSubnet(router, subnet))) return;
  const subnets = plans.map(({ subnet }) => subnetText(subnet)).join(', ');
  throw new DisklessError('ROUTER_OUTSIDE_SUBNET', `the router ${router} lies outside of ${subnets}`, {
    hint: 'Give the gateway’s address on the machines’ own network.',
  });
}
