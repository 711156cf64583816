/** SLP as the discovery stage asks it. */

import { DisklessError, isIpv4 } from '../bytes/index.ts';
import type { NetworkInterface } from '../os/network.ts';
import type { DiscoveryContext, DiscoveryService } from './discovery-service.ts';
import { isLoopback } from './interface-setup.ts';
import { findBySlp } from './slp-discovery.ts';
import type { SlpSearchOptions } from './slp-search.ts';
import { usableIpv6 } from './usable-ipv6.ts';

export const slpService: DiscoveryService = {
  name: 'slp',
  findTargets: async (wanted, context) => findBySlp({ ...slpSearchIn(context), ...wanted }),
};

/** A search from the interface that the boot goes over. Raises SLP_NO_ADDRESS. */
export function slpSearchIn(context: DiscoveryContext): SlpSearchOptions {
  const { network, clock, random, locations, timeout, signal, trace } = context;
  const { slpAgents, slpScopes, slpMulticast } = locations;
  return {
    ...{ network, clock, random, timeout, signal },
    ...sourceOf(context),
    ...(slpScopes.length === 0 ? {} : { scopes: slpScopes }),
    agents: slpAgents,
    agentsOnly: !slpMulticast,
    onStep: (text) => trace.step(text),
  };
}

/** Where the questions come from: an address of the family of the agent that is asked first, else IPv4 where there is any. */
function sourceOf({
  network,
  interface: chosen,
  locations: {
    slpAgents: [agent],
  },
}: DiscoveryContext): Pick<SlpSearchOptions, 'address' | 'interface'> {
  const all = network.interfaces().filter((each) => each.up && !isLoopback(each));
  const candidates = chosen === undefined ? all : [chosen];
  const isIpv4First = agent === undefined || isIpv4(agent);
  for (const addressOf of isIpv4First ? [ipv4Of, ipv6Of] : [ipv6Of, ipv4Of]) {
    for (const one of candidates) {
      const address = addressOf(one);
      if (address !== undefined) return { address, interface: one.name };
    }
  }
  const where = chosen === undefined ? 'no interface of this machine has an' : `the interface ${chosen.name} has no`;
  throw new DisklessError('SLP_NO_ADDRESS', `${where} address to ask SLP from`, {
    hint: 'Let DHCP give one, or name the server.',
  });
}

function ipv4Of({ ipv4 }: NetworkInterface): string | undefined {
  return ipv4[0]?.address;
}

/** The one that reaches furthest (RFC 3111 §4.2.2). */
function ipv6Of(each: NetworkInterface): string | undefined {
  return usableIpv6(each)[0]?.address;
}
