/** Where an SLP agent listens and announces itself: one interface, by IPv4 or by IPv6. */

import type { Endpoint, UdpOptions } from '../os/network.ts';
import { multicastScopes } from '../slp/address-scope.ts';
import {
  directoryAgentGroup,
  generalGroup,
  IPV4_GROUP,
  MULTICAST_TTL,
  serviceTypeGroup,
} from '../slp/multicast-group.ts';
import { SLP_PORT } from '../slp/protocol.ts';
import { SERVICE_AGENT } from '../slp/service-type.ts';

export interface SlpPlace {
  /** By which it is found: a literal without brackets. */
  readonly address: string;
  readonly socket: UdpOptions;
  /** The groups that hear of directory agents. */
  readonly directoryAgentGroups: readonly Endpoint[];
}

/** Broadcasts are heard as well (RFC 2608 §6.1). */
export function ipv4Place(interfaceName: string, address: string): SlpPlace {
  return {
    address,
    socket: {
      interface: interfaceName,
      port: SLP_PORT,
      broadcast: true,
      reuseAddress: true,
      groups: [IPV4_GROUP],
      multicastHops: MULTICAST_TTL,
    },
    directoryAgentGroups: [{ address: IPV4_GROUP, port: SLP_PORT }],
  };
}

/** The groups are those of the types that are advertised, in every scope that the address reaches (RFC 3111 §4.2.1). */
export function ipv6Place(interfaceName: string, address: string, serviceTypes: readonly string[]): SlpPlace {
  const scopes = multicastScopes(address);
  const types = [...serviceTypes, ...serviceTypes.map(abstractType), SERVICE_AGENT];
  const groups = scopes.flatMap((scope) => [
    directoryAgentGroup(scope),
    generalGroup(scope),
    ...types.map((type) => serviceTypeGroup(type, scope)),
  ]);
  return {
    address,
    socket: {
      address: '::',
      interface: interfaceName,
      port: SLP_PORT,
      reuseAddress: true,
      groups: [...new Set(groups)],
      multicastHops: MULTICAST_TTL,
    },
    directoryAgentGroups: scopes.map((scope) => ({ address: directoryAgentGroup(scope), port: SLP_PORT })),
  };
}

/** A search for `service:iscsi` goes to the group of that type. */
function abstractType(serviceType: string): string {
  return serviceType.split(':').slice(0, 2).join(':');
}
