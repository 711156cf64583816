/** A DHCPv6 server over real sockets, for tests that run it in a network namespace: settings as JSON in, events as JSON lines out. */

import type { Ipv6Address, MacAddress } from '../../src/bytes/index.ts';
import {
  allRelayAgentsAndServers,
  allServers,
  Dhcp6Server,
  duidOfMac,
  MemoryLeaseStore,
  summary,
} from '../../src/dhcp6/index.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';

interface Settings {
  readonly interface: string;
  /** Networks of 64 bits: that of the interface, then those behind relay agents. */
  readonly networks: readonly Ipv6Address[];
  /** Seconds. */
  readonly lifetime: number;
  readonly bootFileUrl?: string;
  readonly rapidCommit?: boolean;
  /** Say nothing of single messages. */
  readonly quiet?: boolean;
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

const settings: Settings = JSON.parse(process.argv[2] ?? '');
const { networks, lifetime, bootFileUrl, rapidCommit = false, quiet = false } = settings;
const [first, ...others] = networks.map((network) => ({
  prefixes: [{ network, length: 64 }],
  pool: { first: `${network}1:0` as Ipv6Address, last: `${network}1:ffff` as Ipv6Address },
  excluded: [],
  preferredLifetime: lifetime,
  validLifetime: 2 * lifetime,
  domainNameServers: [`${network}53` as Ipv6Address],
  domainSearch: ['example.com'],
}));
if (first === undefined) throw new Error('no network');
const server = new Dhcp6Server({
  serverIdentifier: duidOfMac('52:54:00:00:00:01' as MacAddress),
  address: `${networks[0]}1` as Ipv6Address,
  links: [first, ...others],
  leases: new MemoryLeaseStore(),
  rapidCommit,
  bootFor: () => (bootFileUrl === undefined ? undefined : { bootFileUrl }),
  onEvent: (event) => {
    if (quiet) return;
    if (event.type === 'lease') say({ type: 'lease', change: event.change, ...event.lease });
    else if ('message' in event) say({ type: event.type, summary: summary(event.message), kind: event.client.kind });
    else say({ type: event.type, error: 'error' in event ? String(event.error) : undefined });
  },
});
const socket = await nodeNetwork.openUdp({
  address: '::',
  interface: settings.interface,
  port: 547,
  groups: [allRelayAgentsAndServers, allServers],
});
socket.start({
  message: async (data, from) => {
    const reply = await server.receive(data, from, systemClock.now());
    if (reply !== undefined) socket.send(reply.data, reply.to);
  },
  error: (error) => say({ type: 'socket', error: String(error) }),
});
say({ type: 'ready' });
process.once('SIGTERM', () => void socket.close());
