/** DHCPv6 on one interface: the socket around the server's state machine. */

import type { BootClient } from '../dhcp6/boot-client.ts';
import { allRelayAgentsAndServers, allServers, Dhcp6Port } from '../dhcp6/datagram.ts';
import { duidOfMac } from '../dhcp6/duid.ts';
import type { BootAnswer } from '../dhcp6/server/boot-answer.ts';
import type { Dhcp6ServerEvent } from '../dhcp6/server/event.ts';
import type { LeaseStore } from '../dhcp6/server/lease.ts';
import { Dhcp6Server } from '../dhcp6/server/server.ts';
import type { Clock } from '../os/clock.ts';
import type { Network } from '../os/network.ts';
import type { InterfacePlan } from './interface-plan.ts';
import type { Ipv6Plan } from './ipv6-plan.ts';

export interface Dhcp6ServiceOptions {
  readonly plan: Pick<InterfacePlan, 'name' | 'mac'>;
  readonly ipv6: Ipv6Plan;
  readonly network: Network;
  readonly clock: Clock;
  readonly leases: LeaseStore;
  /** Seconds. */
  readonly leaseTime: number;
  readonly bootFor: (client: BootClient) => BootAnswer | undefined;
  readonly onEvent: (event: Dhcp6ServerEvent) => void;
  readonly onError: (error: Error) => void;
}

/** Opens the socket of the DHCPv6 server of an interface; closing it ends it. Raises what `openUdp` does. */
export async function startDhcp6Service(options: Dhcp6ServiceOptions): Promise<AsyncDisposable> {
  const { plan, ipv6, network, clock, leases, leaseTime, bootFor, onEvent, onError } = options;
  const server = new Dhcp6Server({
    // Made from the card, it is the same after every restart (RFC 8415 §11.4).
    serverIdentifier: duidOfMac(plan.mac),
    address: ipv6.address,
    links: [
      {
        prefixes: [ipv6.prefix],
        pool: ipv6.pool,
        excluded: [ipv6.address],
        preferredLifetime: leaseTime,
        validLifetime: leaseTime,
        domainNameServers: [],
        domainSearch: [],
      },
    ],
    leases,
    bootFor,
    onEvent,
  });
  const socket = await network.openUdp({
    address: '::',
    interface: plan.name,
    port: Dhcp6Port.server,
    groups: [allRelayAgentsAndServers, allServers],
  });
  socket.start({
    message: (data, from) => {
      // The state machine never rejects: what goes wrong in it is one of its events.
      void server.receive(data, from, clock.now()).then((reply) => reply && socket.send(reply.data, reply.to));
    },
    error: onError,
  });
  return socket;
}
