/** DHCP on one interface: the sockets around the server's or the proxy's state machine. */

import { type Ipv4Address, ipv4InSubnet } from '../bytes/index.ts';
import type { AuthenticationKeyEntry } from '../dhcp/authentication-file.ts';
import type { BootClient } from '../dhcp/boot-client.ts';
import { type Datagram, DhcpPort } from '../dhcp/datagram.ts';
import type { Reservations } from '../dhcp/server/allocation.ts';
import type { BootAnswer } from '../dhcp/server/boot-answer.ts';
import type { DhcpServerEvent } from '../dhcp/server/event.ts';
import type { LeaseStore } from '../dhcp/server/lease.ts';
import { ProxyDhcpServer } from '../dhcp/server/proxy.ts';
import { type DhcpAnswer, DhcpServer } from '../dhcp/server/server.ts';
import type { Clock } from '../os/clock.ts';
import type { NeighbourTable } from '../os/neighbours.ts';
import type { Endpoint, Network, UdpSocket } from '../os/network.ts';
import { AddressProbe } from './address-probe.ts';
import type { InterfacePlan } from './interface-plan.ts';
import type { Ipv4Plan, RelayedPlan } from './ipv4-plan.ts';
import { type ToldOptions, toldNetwork } from './told-network.ts';

export interface DhcpServiceOptions extends ToldOptions {
  readonly plan: Pick<InterfacePlan, 'name'>;
  readonly ipv4: Ipv4Plan;
  readonly network: Network;
  readonly clock: Clock;
  readonly leases: LeaseStore;
  readonly reservations: Reservations;
  readonly router: Ipv4Address | undefined;
  readonly dhcpProbe: number | undefined;
  readonly neighbours: NeighbourTable;
  readonly relayed: readonly RelayedPlan[];
  readonly authenticationKeys: readonly AuthenticationKeyEntry[];
  readonly bootFor: (client: BootClient) => BootAnswer | undefined;
  readonly onEvent: (event: DhcpServerEvent) => void;
  readonly onError: (error: Error) => void;
}

/** Opens the sockets of the DHCP server of an interface; closing them ends it. */
export async function startFullDhcp(options: DhcpServiceOptions): Promise<AsyncDisposable> {
  const { plan, clock, bootFor, onEvent } = options;
  const { address, subnet, pool, excluded } = options.ipv4;
  if (pool === undefined) throw new Error(`the plan of ${plan.name} has no pool`);
  const router = options.router !== undefined && ipv4InSubnet(options.router, subnet) ? options.router : undefined;
  await using opened = new AsyncDisposableStack();
  const { dhcpProbe: wait } = options;
  const probe =
    wait === undefined
      ? undefined
      : opened.use(await AddressProbe.open({ ...options, interface: plan.name, subnet, wait }));
  const server = new DhcpServer({
    serverIdentifier: address,
    otherAddresses: options.network.interfaces().flatMap(({ ipv4 }) => ipv4.map((each) => each.address)),
    subnets: [
      toldNetwork({ subnet, pool, excluded, router }, address, options),
      ...options.relayed.map((relayed) => toldNetwork(relayed, address, options)),
    ],
    leases: options.leases,
    reservations: options.reservations,
    authoritative: true,
    authenticationKeys: options.authenticationKeys,
    ...(probe === undefined ? {} : { probe: (offered) => probe.ask(offered) }),
    bootFor,
    onEvent,
  });
  opened.use(await serveOn(options, DhcpPort.server, (data, from) => server.receive(data, from, clock.now())));
  return opened.move();
}

/** Opens the sockets of the proxyDHCP server of an interface, on both of its ports. */
export async function startProxyDhcp(options: DhcpServiceOptions): Promise<AsyncDisposable> {
  const { ipv4, bootFor, onEvent } = options;
  const server = new ProxyDhcpServer({
    serverIdentifier: ipv4.address,
    bootFor,
    onEvent,
  });
  await using opened = new AsyncDisposableStack();
  opened.use(await serveOn(options, DhcpPort.server, (data, from) => server.receive(data, from, 'server')));
  opened.use(await serveOn(options, DhcpPort.proxy, (data, from) => server.receive(data, from, 'proxy')));
  return opened.move();
}

async function serveOn(
  { plan, network, onError }: DhcpServiceOptions,
  port: number,
  receive: (data: Uint8Array, from: Endpoint) => DhcpAnswer,
): Promise<UdpSocket> {
  const socket = await network.openUdp({ interface: plan.name, port, broadcast: true });
  const send = (answer: Datagram | undefined): void => {
    if (answer !== undefined) socket.send(answer.data, answer.to);
  };
  socket.start({
    message: (data, from) => {
      const answer = receive(data, from);
      // The state machine never rejects: what goes wrong in it is one of its events.
      if (answer instanceof Promise) void answer.then(send);
      else send(answer);
    },
    error: onError,
  });
  return socket;
}
