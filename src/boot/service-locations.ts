/** Where discovery services are, as far as anybody has said (RFC 4173 §6). */

import { ISNS_PORT } from '../isns/pdu.ts';
import type { BootRequest } from './boot-request.ts';
import type { PlainParameters } from './dhcp-parameters.ts';
import type { ServiceLocations } from './discovery-service.ts';

/**
 * What the user says counts more than DHCP, but for scopes that the network insists on (RFC 2610 §4).
 */
export function locationsOf({ locations = {} }: BootRequest, parameters: PlainParameters): ServiceLocations {
  const { isns, slpDirectoryAgents, slpServiceScope } = parameters;
  const servers = isns?.value.servers.map((host) => ({ host, port: ISNS_PORT }));
  const scope = slpServiceScope?.value;
  const scopes = scope?.mandatory === true ? scope.scopes : (locations.slpScopes ?? scope?.scopes);
  return {
    isnsServers: locations.isnsServers ?? servers ?? [],
    slpAgents: locations.slpAgents ?? slpDirectoryAgents?.value.addresses ?? [],
    slpScopes: scopes ?? [],
    slpMulticast: slpDirectoryAgents?.value.mandatory !== true,
  };
}
