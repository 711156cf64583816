/** What DHCP said of a network beside the boot itself: for the system that is started next. */

import { type Ipv6Address, ipv6Scope } from '../bytes/index.ts';
import type { DhcpLease } from '../dhcp/client/lease.ts';
import { Option } from '../dhcp/option.ts';
import type { IpAddress } from '../ibft/index.ts';

export interface LeasedNetwork {
  readonly server: IpAddress | undefined;
  /** The way to everything else. */
  readonly router: IpAddress | undefined;
  /** In the server's order. */
  readonly nameServers: readonly IpAddress[];
  readonly hostName: string | undefined;
}

/**
 * DHCPv6 has no routers, and its servers are known by an identifier. A name server of the link is nothing without its zone (RFC 4007
 * §11), which has no place outside of this machine.
 */
export function leasedByDhcp6(named: readonly Ipv6Address[]): LeasedNetwork {
  const nameServers = named.filter((address) => ipv6Scope(address) !== 'link-local');
  return { server: undefined, router: undefined, nameServers, hostName: undefined };
}

export function leasedNetwork(
  { reply, serverIdentifier: server }: Pick<DhcpLease, 'reply' | 'serverIdentifier'>,
  router: IpAddress | undefined,
): LeasedNetwork {
  const nameServers = reply.options.find(Option.domainNameServers) ?? [];
  return { server, router, nameServers, hostName: reply.options.find(Option.hostName) };
}
