/** DHCPv6 on one interface: the sockets around the server's state machine. */

import type { BootClient } from '../dhcp6/boot-client.ts';
import { allRelayAgentsAndServers, allServers, Dhcp6Port } from '../dhcp6/datagram.ts';
import { duidOfMac } from '../dhcp6/duid.ts';
import type { BootAnswer } from '../dhcp6/server/boot-answer.ts';
import type { Dhcp6ServerEvent } from '../dhcp6/server/event.ts';
import type { LeaseStore } from '../dhcp6/server/lease.ts';
import type { Dhcp6Link } from '../dhcp6/server/link.ts';
import type { Reservations } from '../dhcp6/server/reservations.ts';
import { Dhcp6Server, type Way } from '../dhcp6/server/server.ts';
import type { Clock } from '../os/clock.ts';
import type { Network } from '../os/network.ts';
import type { InterfacePlan } from './interface-plan.ts';
import { type Ipv6NetworkPlan, type Ipv6Plan, planRelayedIpv6 } from './ipv6-plan.ts';
import type { Ipv6Options } from './options.ts';

export interface Dhcp6ServiceOptions {
  readonly plan: Pick<InterfacePlan, 'name' | 'mac'>;
  readonly ipv6: Ipv6Plan;
  readonly wanted: Ipv6Options;
  readonly network: Network;
  readonly clock: Clock;
  readonly leases: LeaseStore;
  readonly reservations: Reservations;
  /** Seconds. */
  readonly leaseTime: number;
  readonly domain: string | undefined;
  readonly searchDomains: readonly string[];
  readonly bootFor: (client: BootClient) => BootAnswer | undefined;
  readonly onEvent: (event: Dhcp6ServerEvent) => void;
  readonly onError: (error: Error) => void;
}

/** Opens the sockets of the DHCPv6 server of an interface; closing them ends it. Raises what `openUdp` does. */
export async function startDhcp6Service(options: Dhcp6ServiceOptions): Promise<AsyncDisposable> {
  const { plan, ipv6, wanted, network, clock, leases, reservations, bootFor, onEvent, onError } = options;
  const relayed = planRelayedIpv6(wanted).map((each) => linkOf(each, options));
  const server = new Dhcp6Server({
    // Made from the card, it is the same after every restart (RFC 8415 §11.4).
    serverIdentifier: duidOfMac(plan.mac),
    address: ipv6.address,
    links: [linkOf(ipv6, options), ...relayed],
    ...{ leases, reservations },
    rapidCommit: wanted.rapidCommit,
    bootFor,
    onEvent,
  });
  await using opened = new AsyncDisposableStack();
  const hear = async (way: Way, address: string, group: string): Promise<void> => {
    const place = { address, interface: plan.name, port: Dhcp6Port.server, groups: [group] };
    const socket = opened.use(await network.openUdp(place));
    socket.start({
      message: (data, from) => {
        // The state machine never rejects: what goes wrong in it is one of its events.
        void server.receive(data, from, clock.now(), way).then((reply) => reply && socket.send(reply.data, reply.to));
      },
      error: onError,
    });
  };
  // What clients send to all servers comes to the one; to the other, what relay agents send, and what clients send to this server alone.
  await hear('multicast', allRelayAgentsAndServers, allRelayAgentsAndServers);
  await hear('unicast', '::', allServers);
  return opened.move();
}

function linkOf({ prefix, pool, excluded }: Ipv6NetworkPlan, options: Dhcp6ServiceOptions): Dhcp6Link {
  const { leaseTime, wanted, domain, searchDomains } = options;
  // DHCPv6 has no domain name of the machine's own: it is the one in which names are looked for (RFC 3646 §4).
  const ownDomain = domain === undefined ? [] : [domain];
  return {
    prefixes: [prefix],
    ...{ pool, excluded, preferredLifetime: leaseTime, validLifetime: leaseTime },
    domainNameServers: wanted.dns,
    domainSearch: searchDomains.length > 0 ? searchDomains : ownDomain,
  };
}
