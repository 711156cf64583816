/** What the DHCP server tells the machines of a subnet of their network, and of the services on it that find a disk. Pure. */

import { type Ipv4Address, isIpv4 } from '../bytes/index.ts';
import { Option } from '../dhcp/option.ts';
import { OptionList } from '../dhcp/option-list.ts';
import type { DhcpSubnet } from '../dhcp/server/subnet.ts';
import type { RelayedPlan } from './ipv4-plan.ts';
import type { BootServerOptions } from './options.ts';

export type ToldOptions = Pick<
  BootServerOptions,
  'leaseTime' | 'dns' | 'domain' | 'searchDomains' | 'isns' | 'isnsServer' | 'slp'
>;

/** `server` is this server's own address, which the machines reach it by. */
export function toldNetwork(
  { subnet, pool, excluded, router }: RelayedPlan,
  server: Ipv4Address,
  told: ToldOptions,
): DhcpSubnet {
  const { leaseTime, dns, domain } = told;
  return {
    ...{ subnet, pool, excluded, leaseTime },
    routers: router === undefined ? [] : [router],
    domainNameServers: dns,
    ...(domain === undefined ? {} : { domainName: domain }),
    options: furtherOptions(server, told),
  };
}

/** Given to who asks for them. */
function furtherOptions(server: Ipv4Address, { searchDomains, isns, isnsServer, slp }: ToldOptions): OptionList {
  const list = new OptionList();
  if (searchDomains.length > 0) list.set(Option.domainSearch, searchDomains);
  // These options have room for IPv4 addresses alone.
  const isnsServers = [
    ...(isns ? [server] : []),
    ...(isnsServer !== undefined && isIpv4(isnsServer) ? [isnsServer] : []),
  ];
  if (isnsServers.length > 0) list.set(Option.isns, { ...nothingOfIsns, servers: isnsServers });
  if (slp !== undefined) {
    // This server is a directory agent itself. A machine may look for others all the same (RFC 2610 §3.1).
    list.set(Option.slpDirectoryAgents, {
      mandatory: false,
      addresses: [server, ...slp.directoryAgents.filter(isIpv4)],
    });
    list.set(Option.slpServiceScope, { mandatory: false, scopes: slp.scopes });
  }
  return list;
}

/** RFC 4174 §2.1 to §2.4: flags of groups that are not enabled say nothing; whoever asks the server learns it there. */
const nothingOfIsns = {
  functions: undefined,
  discoveryDomainAccess: undefined,
  administration: undefined,
  security: undefined,
  heartbeat: undefined,
};
