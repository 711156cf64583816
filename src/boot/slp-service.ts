/** SLP as the discovery stage asks it. */

import { DisklessError } from '../bytes/index.ts';
import type { NetworkInterface } from '../os/network.ts';
import type { DiscoveryContext, DiscoveryService } from './discovery-service.ts';
import { isLoopback } from './interface-setup.ts';
import { findBySlp } from './slp-discovery.ts';

export const slpService: DiscoveryService = {
  name: 'slp',
  findTargets(wanted, context) {
    const { locations, trace } = context;
    const { slpAgents, slpScopes, slpMulticast } = locations;
    return findBySlp({
      ...context,
      ...wanted,
      ...sourceOf(context),
      ...(slpScopes.length === 0 ? {} : { scopes: slpScopes }),
      agents: slpAgents,
      agentsOnly: !slpMulticast,
      onStep: (text) => trace.step(text),
    });
  },
};

/** Where the questions come from: IPv4 where there is any. Raises SLP_NO_ADDRESS. */
function sourceOf({ network, interface: chosen }: DiscoveryContext): {
  readonly address: string;
  readonly interface: string;
} {
  const candidates =
    chosen === undefined ? network.interfaces().filter((each) => each.up && !isLoopback(each)) : [chosen];
  for (const address of [ipv4Of, ipv6Of]) {
    for (const one of candidates) {
      const found = address(one);
      if (found !== undefined) return { address: found, interface: one.name };
    }
  }
  const where = chosen === undefined ? 'no interface' : `the interface ${chosen.name}`;
  throw new DisklessError(
    'SLP_NO_ADDRESS',
    `${where} has ${chosen === undefined ? 'an' : 'no'} address to ask SLP from`,
    {
      hint: 'Let DHCP give one, or name the server.',
    },
  );
}

function ipv4Of({ ipv4 }: NetworkInterface): string | undefined {
  return ipv4[0]?.address;
}

/** The one that reaches furthest (RFC 3111 §4.2.2). */
function ipv6Of({ ipv6 }: NetworkInterface): string | undefined {
  const usable = ipv6.filter(({ state }) => state === 'preferred');
  const routable = usable.find(({ address }) => !address.startsWith('fe80'));
  return (routable ?? usable[0])?.address;
}
