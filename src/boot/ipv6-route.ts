/**
 * DHCPv6 gives addresses and no way to anybody (RFC 8415 §18.2.10.1): which hosts are on the link, and who passes on to all others, is
 * what routers advertise. Their advertisements are the kernel's to read; it has asked for them when the interface came up, and may have
 * given up since.
 */

import { DisklessError, type Ipv6Address, ipv6Bytes, ipv6FromBytes, ipv6Scope } from '../bytes/index.ts';
import {
  dueAt,
  firstTransmission,
  nextTransmission,
  type Retransmission,
  type Transmission,
} from '../dhcp6/client/retransmission.ts';
import type { ServerName } from '../iscsi/server-name.ts';
import { type Clock, pause } from '../os/clock.ts';
import { ALL_ROUTERS } from '../os/icmpv6-socket.ts';
import type { MachineNetwork } from '../os/machine-network.ts';
import type { NetworkInterface } from '../os/network.ts';
import { routerSolicitation } from './router-solicitation.ts';
import { hostOf } from './software-source.ts';
import type { StageTrace } from './trace.ts';

/** A host whose address is known before anybody is asked for it; of a link-local one no route would tell anything. */
export function routedHost(server: ServerName | undefined, url: string | undefined): Ipv6Address | undefined {
  const named = url === undefined ? null : URL.parse(url);
  const ofUrl = named === null ? undefined : hostOf(named);
  const host = server === undefined ? ofUrl : server.kind === 'ipv6' ? server.address : undefined;
  const bytes = host === undefined ? undefined : ipv6Bytes(host);
  const address = bytes && ipv6FromBytes(bytes);
  return address === undefined || ipv6Scope(address) === 'link-local' ? undefined : address;
}

export interface AwaitedRoute {
  readonly host: Ipv6Address;
  readonly interface: NetworkInterface;
  readonly machine: Pick<MachineNetwork, 'ipv6SourceTowards' | 'sendIcmpv6'>;
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/**
 * RFC 7559 §2, whose values these are, repeats solicitations as DHCPv6 its messages, and has no last one: RFC 4861 §6.3.7 gives up after
 * three, and routers may come up later.
 */
const solicitations: Retransmission = { irt: 4000, mrt: 3_600_000, mrc: 0, mrd: 0 };

/** The kernel tells nobody that it has a route. In milliseconds. */
const LOOK_AGAIN = 50;

/** Waits until the kernel has a route to the host, and asks routers for it. Raises BOOT_IPV6_NO_ROUTE, and the signal's reason. */
export async function awaitIpv6Route(awaited: AwaitedRoute, trace: StageTrace): Promise<void> {
  const { host, interface: chosen, machine, clock, random, timeout, signal } = awaited;
  if (await isRouted(awaited)) return;
  trace.step(`no route to ${host} yet: waiting for a router to advertise one`);
  const end = clock.monotonic() + timeout;
  const solicitation = routerSolicitation(chosen.mac);
  let sent: Transmission | undefined;
  do {
    const now = clock.monotonic();
    if (now >= end) throw noRoute(awaited);
    if (sent === undefined || now >= dueAt(sent)) {
      sent =
        sent === undefined ? firstTransmission(0, solicitations, now, random) : nextTransmission(sent, now, random);
      const isSent = machine.sendIcmpv6(chosen.name, solicitation, ALL_ROUTERS);
      trace.step(`ROUTER SOLICITATION on ${chosen.name}${isSent ? '' : ' cannot be sent'}`);
    }
    await pause(clock, Math.min(LOOK_AGAIN, end - now), signal);
    signal.throwIfAborted();
  } while (!(await isRouted(awaited)));
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
