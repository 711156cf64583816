/** A DHCP server over real sockets, for tests that run it in a network namespace: settings as JSON in, events as JSON lines out. */

import type { Ipv4Address } from '../../src/bytes/index.ts';
import { DhcpServer, MemoryLeaseStore, summary } from '../../src/dhcp/index.ts';
import { systemClock } from '../../src/os/clock.ts';
import { kernelNeighbours } from '../../src/os/neighbours.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { AddressProbe } from '../../src/server/address-probe.ts';

interface Settings {
  readonly interface: string;
  readonly address: Ipv4Address;
  readonly first: Ipv4Address;
  readonly last: Ipv4Address;
  /** Seconds. */
  readonly leaseTime: number;
  readonly rootPath?: string;
  /** Milliseconds for which somebody may answer at an address that is to be offered. */
  readonly probe?: number;
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

const settings: Settings = JSON.parse(process.argv[2] ?? '');
const { address, first, last, leaseTime, rootPath } = settings;
const subnet = { network: '192.0.2.0' as Ipv4Address, prefix: 24 };
const platform = { network: nodeNetwork, clock: systemClock, neighbours: kernelNeighbours };
const probe =
  settings.probe === undefined
    ? undefined
    : await AddressProbe.open({ ...platform, interface: settings.interface, subnet, wait: settings.probe });
const server = new DhcpServer({
  serverIdentifier: address,
  subnets: [
    {
      subnet,
      pool: { first, last },
      excluded: [address],
      leaseTime,
      routers: [address],
      domainNameServers: [address],
      domainName: 'example.com',
    },
  ],
  leases: new MemoryLeaseStore(),
  ...(probe === undefined ? {} : { probe: (wanted: Ipv4Address) => probe.ask(wanted) }),
  bootFor: () => (rootPath === undefined ? undefined : { rootPath }),
  onEvent: (event) => {
    if (event.type === 'lease') say({ type: 'lease', change: event.change, ...event.lease });
    else if (event.type === 'conflict') say({ type: 'conflict', address: event.address, holder: event.holder });
    else if ('message' in event) say({ type: event.type, summary: summary(event.message) });
    else say({ type: event.type, error: String(event.error) });
  },
});
const socket = await nodeNetwork.openUdp({ interface: settings.interface, port: 67, broadcast: true });
socket.start({
  message: async (data, from) => {
    const reply = await server.receive(data, from, systemClock.now());
    if (reply !== undefined) socket.send(reply.data, reply.to);
  },
  error: (error) => say({ type: 'socket', error: String(error) }),
});
say({ type: 'ready' });
process.once('SIGTERM', () => {
  void socket.close();
  void probe?.[Symbol.asyncDispose]();
});
