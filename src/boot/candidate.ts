/** Ways to a target, in the order in which the boot stage tries them. */

import { formatPortal, type Portal } from '../initiator/target-address.ts';
import { type RootPath, rootPathDefaults } from '../iscsi/root-path.ts';
import { serverHost } from '../iscsi/server-name.ts';
import type { BootParameters } from './boot-parameters.ts';
import type { BootRequest } from './boot-request.ts';
import type { DiscoveryService, FoundTarget } from './discovery-service.ts';
import type { Facts } from './trace.ts';

/** One way to a target. */
export interface Candidate {
  readonly portal: Portal;
  readonly targetName: string;
  /** Eight bytes, where this way has a unit of its own. */
  readonly lun?: Uint8Array;
}

/** More are a flood: a boot has other things to do than to try thousands of targets. */
const MOST = 64;

/**
 * What was found, as RFC 4173 §6 lets the client try it: first what the initiator is said to boot from, then in the service's order.
 * Where a port was named before and the service names another, both are tried, the one that was named first. A target that nobody
 * asked for is left out.
 */
export function candidatesOf(
  service: DiscoveryService['name'],
  found: readonly FoundTarget[],
  parameters: BootParameters,
): Candidate[] {
  const wanted = parameters.targetName?.value;
  const named = found.filter(({ targetName }) => wanted === undefined || targetName === wanted);
  const ways = [...named]
    .sort((one, other) => rank(one) - rank(other))
    .flatMap((each) => waysTo(service, each, parameters));
  const unique = new Map(ways.map((way) => [`${way.targetName} ${formatPortal(way.portal)}`, way]));
  return [...unique.values()].slice(0, MOST);
}

/** A Root Path whose server is known needs no discovery. */
export function candidateOfRootPath({ server, port, lun, targetName }: RootPath): Candidate | undefined {
  if (server === undefined) return undefined;
  const portal = { host: serverHost(server), port: port ?? rootPathDefaults.port };
  return { portal, targetName, lun: lun ?? rootPathDefaults.lun };
}

/** What a second Root Path names: the user's, or DHCP's where the first way is DHCP's too. */
export function secondCandidate(
  { secondRootPath: ofUser }: BootRequest,
  { server, targetName }: BootParameters,
  ofDhcp: RootPath | undefined,
): Candidate | undefined {
  if (ofUser !== undefined) return candidateOfRootPath(ofUser);
  if (ofDhcp === undefined || server?.source !== 'dhcp' || targetName?.source !== 'dhcp') return undefined;
  return candidateOfRootPath(ofDhcp);
}

function rank({ bootable }: FoundTarget): number {
  if (bootable === undefined) return 1;
  return bootable ? 0 : 2;
}

function waysTo(service: DiscoveryService['name'], found: FoundTarget, { server, port }: BootParameters): Candidate[] {
  const { targetName } = found;
  // The target itself knows best where it listens.
  if (service === 'sendtargets') return [{ portal: { host: found.host, port: found.port }, targetName }];
  const host = server === undefined ? found.host : serverHost(server.value);
  const isGiven = port !== undefined && port.source !== 'default';
  const ports = isGiven ? [port.value, found.port] : [found.port];
  return ports.map((each) => ({ portal: { host, port: each }, targetName }));
}

export function describeCandidates(candidates: readonly Candidate[]): { text: string; facts: Facts } {
  const names = [...new Set(candidates.map(({ targetName }) => targetName))];
  const others = names.length > 1 ? ` and ${names.length - 1} more` : '';
  return {
    text: `${names[0]}${others}`,
    facts: { targets: candidates.map(({ portal, targetName }) => ({ targetName, address: formatPortal(portal) })) },
  };
}
