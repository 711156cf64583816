/** A DHCP server over real sockets, for tests that run it in a network namespace: settings as JSON in, events as JSON lines out. */

import type { Ipv4Address } from '../../src/bytes/index.ts';
import { DhcpServer, MemoryLeaseStore, summary } from '../../src/dhcp/index.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';

interface Settings {
  readonly interface: string;
  readonly address: Ipv4Address;
  readonly first: Ipv4Address;
  readonly last: Ipv4Address;
  /** Seconds. */
  readonly leaseTime: number;
  readonly rootPath?: string;
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

const settings: Settings = JSON.parse(process.argv[2] ?? '');
const { address, first, last, leaseTime, rootPath } = settings;
const server = new DhcpServer({
  serverIdentifier: address,
  subnets: [
    {
      subnet: { network: '192.0.2.0' as Ipv4Address, prefix: 24 },
      pool: { first, last },
      excluded: [address],
      leaseTime,
      routers: [address],
      domainNameServers: [address],
      domainName: 'example.com',
    },
  ],
  leases: new MemoryLeaseStore(),
  bootFor: () => (rootPath === undefined ? undefined : { rootPath }),
  onEvent: (event) => {
    if (event.type === 'lease') say({ type: 'lease', change: event.change, ...event.lease });
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
process.once('SIGTERM', () => void socket.close());
