/** iSNS as a discovery service of the boot (RFC 4173 §6): the servers that DHCP or the user names, else those that SLP finds. */

import { DisklessError } from '../bytes/index.ts';
import { formatPortal, type Portal } from '../initiator/target-address.ts';
import type { DiscoveryContext, DiscoveryService, FoundTarget, WantedTarget } from './discovery-service.ts';
import { findByIsns } from './isns-discovery.ts';
import { findIsnsServers } from './slp-management.ts';
import { slpSearchIn } from './slp-service.ts';

/** The servers that are known, the primary first; a backup is asked when those before it cannot be. */
export const isnsService: DiscoveryService = {
  name: 'isns',
  async findTargets(wanted, given) {
    const { clock, locations, timeout } = given;
    const end = clock.monotonic() + timeout;
    const isKnown = locations.isnsServers.length > 0;
    const isnsServers = isKnown ? locations.isnsServers : await serversBySlp(given);
    const context = { ...given, timeout: end - clock.monotonic() };
    let failure: unknown = new DisklessError(
      'BOOT_ISNS_SERVER_UNKNOWN',
      'no iSNS server is named, and SLP finds none',
      {
        hint: 'Let DHCP name one (option 83), or give --isns-server.',
      },
    );
    for (const [index, server] of isnsServers.entries()) {
      try {
        return await askIsns(server, wanted, { ...context, timeout: context.timeout / (isnsServers.length - index) });
      } catch (error) {
        if (context.signal.aborted || !(error instanceof DisklessError)) throw error;
        if (index + 1 < isnsServers.length) context.trace.step(`${error.message} (${error.code})`);
        failure = error;
      }
    }
    throw failure;
  },
};

/** Half of the time is for it: the servers that are found are asked in the other half. */
async function serversBySlp(context: DiscoveryContext): Promise<readonly Portal[]> {
  context.trace.step('no iSNS server is named: asking SLP for one');
  try {
    const servers = await findIsnsServers(slpSearchIn({ ...context, timeout: context.timeout / 2 }));
    for (const server of servers) context.trace.step(`SLP tells of an iSNS server at ${formatPortal(server)}`);
    return servers;
  } catch (error) {
    if (context.signal.aborted || !(error instanceof DisklessError)) throw error;
    context.trace.step(`${error.message} (${error.code})`);
    return [];
  }
}

async function askIsns(
  server: Portal,
  wanted: WantedTarget,
  { network, clock, timeout, signal, trace }: DiscoveryContext,
): Promise<readonly FoundTarget[]> {
  const [address] = await network.resolve(server.host);
  if (address === undefined) throw new DisklessError('NETWORK_NAME_UNKNOWN', `${server.host} has no address`);
  trace.step(`iSNS server ${formatPortal(server)}: ${question(wanted)}`);
  return findByIsns({ network, clock, server: { address, port: server.port }, ...wanted, timeout, signal });
}

function question({ initiatorName, targetName }: WantedTarget): string {
  return targetName === undefined ? `what may ${initiatorName} boot from?` : `where is ${targetName}?`;
}
