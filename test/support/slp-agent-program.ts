/** Our SLP agent over real sockets, for tests that run it in a network namespace: settings as JSON in, events as JSON lines out. */

import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { ipv4Place, ipv6Place } from '../../src/server/slp-place.ts';
import { SlpService } from '../../src/server/slp-service.ts';
import { defaultTiming, ISCSI_TARGET, withheldAttributes } from '../../src/slp/index.ts';
import { advertised } from './slp-target.ts';

interface Settings {
  readonly interface: string;
  readonly address: string;
  /** Beginning of the targets' names, and how many there are of them. */
  readonly name: string;
  readonly count: number;
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

const settings: Settings = JSON.parse(process.argv[2] ?? '');
const { address, name, count } = settings;
const isIpv6 = address.includes(':');
const targets = Array.from({ length: count }, (_, index) => advertised(address, `${name}-${index}`));

const service = await SlpService.listen({
  network: nodeNetwork,
  clock: systemClock,
  random: Math.random,
  place: isIpv6 ? ipv6Place(settings.interface, address, [ISCSI_TARGET]) : ipv4Place(settings.interface, address),
  ownAddresses: [address],
  scopes: ['DEFAULT'],
  services: { advertisements: () => targets },
  serviceTypes: [ISCSI_TARGET],
  withheld: withheldAttributes(false),
  directoryAgents: [],
  onEvent: (event) => say({ event: event.kind, agent: event.agent.endpoint.address }),
  onError: (error) => say({ error: String(error) }),
  // The first search need not be spread over three seconds here.
  timing: { ...defaultTiming, startWait: 0 },
});
say({ event: 'ready' });
process.once('SIGTERM', () => void service[Symbol.asyncDispose]());
