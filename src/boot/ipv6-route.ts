/**
 * DHCPv6 gives addresses and no way to anybody (RFC 8415 §18.2.10.1): which hosts are on the link, and who passes on to all others, is
 * what routers advertise. Their advertisements are the kernel's to read; it has asked for them when the interface came up, and may have
 * given up since.
 */

import { DisklessError, type Ipv6Address, ipv6OfLiteral, ipv6Scope } from '../bytes/index.ts';
import { type ServerName, serverHost } from '../iscsi/server-name.ts';
import type { MachineNetwork } from '../os/machine-network.ts';
import type { Network } from '../os/network.ts';
import type { Reach } from './interface-setup.ts';
import { type Soliciting, solicitUntil } from './router-solicitation.ts';
import { hostOf } from './software-source.ts';
import type { StageTrace } from './trace.ts';

/** The host that is known before anybody is asked for it, by its name or as a literal without brackets. */
export function knownHost(server: ServerName | undefined, url: string | undefined): string | undefined {
  if (server !== undefined) return serverHost(server);
  const named = url === undefined ? null : URL.parse(url);
  return named === null || named.hostname === '' ? undefined : hostOf(named);
}

export interface Ipv6Routing extends Omit<Soliciting, 'machine'> {
  readonly machine: Pick<MachineNetwork, 'ipv6SourceTowards' | 'sendIcmpv6'>;
}

export interface AwaitedRoute extends Ipv6Routing {
  readonly host: Ipv6Address;
}

/**
 * Waits for the way to a host at its first IPv6 address. A name that has none is for whoever connects to it to complain of; of a
 * link-local address no route would tell anything. The result raises BOOT_IPV6_NO_ROUTE, and the signal's reason.
 */
export function reachByIpv6(network: Pick<Network, 'resolve'>, routing: () => Ipv6Routing): Reach {
  return async (host, trace) => {
    const addresses = await network.resolve(host).catch(() => []);
    const [first] = addresses.flatMap(routable);
    if (first !== undefined) await awaitIpv6Route({ ...routing(), host: first }, trace);
  };
}

/**
 * The same for a machine that nobody gives an address, and that may be about to make one by itself (RFC 4862). Only of hosts that are
 * given by their address: one of a name may be reached by IPv4.
 */
export function reachByAutoconfiguration(routing: () => Ipv6Routing): Reach {
  return async (host, trace) => {
    const [address] = routable(host);
    if (address !== undefined) await awaitIpv6Route({ ...routing(), host: address }, trace);
  };
}

function routable(literal: string): Ipv6Address[] {
  const address = ipv6OfLiteral(literal);
  return address === undefined || ipv6Scope(address) === 'link-local' ? [] : [address];
}

/** Waits until the kernel has a route to the host, and asks routers for it. Raises BOOT_IPV6_NO_ROUTE, and the signal's reason. */
export async function awaitIpv6Route(awaited: AwaitedRoute, trace: StageTrace): Promise<void> {
  const { host } = awaited;
  if (await isRouted(awaited)) return;
  trace.step(`no route to ${host} yet: waiting for a router to advertise one`);
  if (!(await solicitUntil(awaited, () => isRouted(awaited), trace))) throw noRoute(awaited);
  trace.step(`there is a route to ${host}`);
}

/** From its link-local address, which it has before any router was heard, a machine speaks to its own link alone. */
async function isRouted({ host, machine }: AwaitedRoute): Promise<boolean> {
  const source = await machine.ipv6SourceTowards(host);
  return source !== undefined && ipv6Scope(source) !== 'link-local';
}

function noRoute({ host, interface: { name }, timeout }: AwaitedRoute): DisklessError {
  const what = `this machine has got no route to ${host} within ${(timeout / 1000).toFixed(1)} s of asking routers on ${name}`;
  return new DisklessError('BOOT_IPV6_NO_ROUTE', what, {
    hint: `Is there a router that advertises the link's prefix or itself, and does this machine heed it (net.ipv6.conf.${name}.accept_ra)?`,
  });
}
