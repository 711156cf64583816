/** The network interface that a boot goes over: which one it is, and an address for it as long as the boot lasts. */

import {
  DisklessError,
  IPV4_ANY,
  type Ipv4Address,
  ipv4InSubnet,
  ipv4Subnet,
  ipv6Scope,
  isIpv4,
  parseIpv6,
} from '../bytes/index.ts';
import type { ClasslessRoute } from '../dhcp/option-codec.ts';
import type { ServerName } from '../iscsi/server-name.ts';
import type { MachineNetwork } from '../os/machine-network.ts';
import type { Network, NetworkInterface } from '../os/network.ts';
import type { StageTrace } from './trace.ts';
import { usableIpv6 } from './usable-ipv6.ts';

export function isLoopback(each: NetworkInterface): boolean {
  return each.name === 'lo' || each.mac === '00:00:00:00:00:00';
}

/** The interface of that name; without a name, the only one there is. Raises BOOT_INTERFACE_UNKNOWN, USAGE_INTERFACE_NEEDED. */
export function chooseInterface(name: string | undefined, network: Network): NetworkInterface {
  const all = network.interfaces();
  const names = all.map((each) => each.name).join(', ');
  if (name !== undefined) {
    const named = all.find((each) => each.name === name);
    if (named !== undefined) return named;
    throw new DisklessError('BOOT_INTERFACE_UNKNOWN', `there is no network interface "${name}"`, {
      hint: `This machine has ${names}.`,
    });
  }
  const [only, another] = all.filter((each) => !isLoopback(each));
  if (only !== undefined && another === undefined) return only;
  const found = only === undefined ? 'only the loopback interface' : `several interfaces (${names})`;
  throw new DisklessError(
    'USAGE_INTERFACE_NEEDED',
    `DHCP needs one network interface to ask on, and this machine has ${found}`,
    {
      hint: 'Name it with --interface.',
    },
  );
}

/**
 * Whether the interface of that name, or without a name any of the machine's, has an IP address that can reach `server`: one of its
 * family where it is given by its address. A link-local address reaches a server at another one of the interface that was named, and
 * nobody else.
 */
export function hasAddress(name: string | undefined, network: Network, server: ServerName | undefined): boolean {
  const interfaces = network.interfaces().filter((each) => name === undefined || each.name === name);
  const isOnLink = name !== undefined && isLinkLocal(server);
  const ipv4 = interfaces.some((each) => each.ipv4.length > 0);
  const ipv6 = interfaces.some((each) => usableIpv6(each).some(({ scope }) => isOnLink || scope !== 'link-local'));
  return (ipv4 && server?.kind !== 'ipv6') || (ipv6 && server?.kind !== 'ipv4');
}

function isLinkLocal(server: ServerName | undefined): boolean {
  return server?.kind === 'ipv6' && ipv6Scope(parseIpv6(server.address)) === 'link-local';
}

/** An interface that is down can neither ask nor hear. */
export async function bringUp(
  chosen: NetworkInterface,
  machine: MachineNetwork,
  cleanup: AsyncDisposableStack,
  trace: StageTrace,
): Promise<void> {
  if (chosen.up) return;
  cleanup.use(await machine.bringUp(chosen.name));
  trace.step(`${chosen.name} was down: up for this boot`);
}

export interface GivenAddress {
  readonly address: Ipv4Address;
  readonly prefix: number;
  /** Ways out of the subnet. A router of 0.0.0.0 is none: the destination is at the cable (RFC 3442). */
  readonly routes: readonly ClasslessRoute[];
  /** Bytes (option 26); undefined where the server says nothing. */
  readonly mtu: number | undefined;
}

/** Makes sure that a host can be reached for the time of the boot. Names and IPv6 addresses are left to the machine's own routes. */
export type Reach = (host: string, trace: StageTrace) => Promise<void>;

/** A machine that has an address has its routes too. */
export const byOwnRoutes: Reach = async () => {};

/** A name is reached at all of its addresses; one that has none is for whoever connects to it to complain of. */
export function reachingNames(reach: Reach, network: Pick<Network, 'resolve'>): Reach {
  return async (host, trace) => {
    const addresses = await network.resolve(host).catch(() => []);
    for (const address of addresses) await reach(address, trace);
  };
}

/**
 * Gives an interface without an address the one that DHCP gave, and tells how hosts in other subnets are reached from it. An interface
 * that has one belongs to the running system and is left as it is.
 */
export async function configureAddress(
  chosen: NetworkInterface,
  given: GivenAddress,
  machine: MachineNetwork,
  cleanup: AsyncDisposableStack,
  trace: StageTrace,
): Promise<Reach> {
  const { name, ipv4 } = chosen;
  const { address, prefix, routes } = given;
  const [own] = ipv4;
  if (own !== undefined) {
    trace.step(`${name} keeps its own address ${own.address}/${own.prefix}`);
    return byOwnRoutes;
  }
  await setMtu(chosen, given.mtu, machine, cleanup, trace);
  cleanup.use(await machine.addAddress(name, address, prefix));
  trace.step(`${name} has ${address}/${prefix} for this boot`);
  const subnet = ipv4Subnet(address, prefix);
  const reached = new Set<string>();
  return async (host, stage) => {
    if (!isIpv4(host) || ipv4InSubnet(host, subnet) || reached.has(host)) return;
    const route = routeTowards(host, routes);
    if (route === undefined) return;
    reached.add(host);
    const router = route.router === IPV4_ANY ? undefined : route.router;
    cleanup.use(await machine.addHostRoute(name, host, router));
    stage.step(`${host} is reached ${router === undefined ? `at the cable of ${name}` : `through ${router}`}`);
  };
}

/** RFC 791 §3.2: every host takes 576 bytes. */
const LEAST_MTU = 576;
/** RFC 8200 §5: below this the kernel ends IPv6 on the interface. */
const LEAST_MTU_OF_IPV6 = 1280;

/** A path that is narrower than its interface, or wider, is not found out by TCP alone. A boot goes on without it. */
async function setMtu(
  { name, ipv6 }: NetworkInterface,
  mtu: number | undefined,
  machine: MachineNetwork,
  cleanup: AsyncDisposableStack,
  trace: StageTrace,
): Promise<void> {
  if (mtu === undefined) return;
  const least = ipv6.length > 0 ? LEAST_MTU_OF_IPV6 : LEAST_MTU;
  if (mtu < least) {
    trace.step(`the MTU of ${mtu} that DHCP gives is below ${least}: ${name} keeps its own`);
    return;
  }
  try {
    cleanup.use(await machine.setMtu(name, mtu));
    trace.step(`${name} has the MTU ${mtu} for this boot`);
  } catch (error) {
    if (!(error instanceof DisklessError) || error.code !== 'MACHINE_NETWORK_FAILED') throw error;
    trace.step(`${name} keeps its own MTU: ${error.message}`);
  }
}

/** The most specific one that leads there. */
export function routeTowards(host: Ipv4Address, routes: readonly ClasslessRoute[]): ClasslessRoute | undefined {
  const leading = routes.filter(({ destination, prefix }) => ipv4InSubnet(host, ipv4Subnet(destination, prefix)));
  return leading.sort((one, other) => other.prefix - one.prefix)[0];
}
