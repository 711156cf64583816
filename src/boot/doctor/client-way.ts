/** How a machine that boots finds and reaches hosts: by the name servers and the routes that its network gives it. */

import type { Ipv4Address, Ipv6Address } from '../../bytes/index.ts';
import type { Network } from '../../os/network.ts';
import { type Reach, reachingNames } from '../interface-setup.ts';
import { type Ipv6Routing, reachByAutoconfiguration, reachByIpv6 } from '../ipv6-route.ts';
import { isName, NamedNetwork } from '../named-network.ts';

export interface ClientWay {
  readonly network: Network;
  readonly reach: Reach;
}

/** Of a client over IPv4: with a lease it has name servers and routes, and a host of a name is reached at its IPv4 addresses. */
export function wayOverIpv4(
  network: Network,
  routing: Ipv6Routing,
  leased: { readonly nameServers: readonly Ipv4Address[]; readonly reach: Reach },
): ClientWay {
  const { nameServers } = leased;
  const naming = { nameServers, family: 'ipv4', interface: routing.interface.name } as const;
  const named = nameServers.length === 0 ? network : new NamedNetwork(network, naming);
  const byLease = reachingNames(leased.reach, named);
  const byAddress = reachByAutoconfiguration(() => routing);
  const reach: Reach = async (host, trace) => {
    if (isName(host)) for (const nameServer of nameServers) await leased.reach(nameServer, trace);
    await byLease(host, trace);
    await byAddress(host, trace);
  };
  return { network: named, reach };
}

/** Of a client over IPv6: its first name server is waited for like any host. */
export function wayOverIpv6(network: Network, routing: Ipv6Routing, nameServers: readonly Ipv6Address[]): ClientWay {
  const [first] = nameServers;
  const named = new NamedNetwork(network, { nameServers, family: 'ipv6', interface: routing.interface.name });
  const byRoutes = reachByIpv6(named, () => routing);
  const reach: Reach = async (host, trace) => {
    if (isName(host) && first !== undefined) await byRoutes(first, trace);
    await byRoutes(host, trace);
  };
  return { network: named, reach };
}
