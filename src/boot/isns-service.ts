/** iSNS as a discovery service of the boot (RFC 4173 §6): the servers that DHCP or the user names. */

import { DisklessError } from '../bytes/index.ts';
import { formatPortal, type Portal } from '../initiator/target-address.ts';
import type { DiscoveryContext, DiscoveryService, FoundTarget, WantedTarget } from './discovery-service.ts';
import { findByIsns } from './isns-discovery.ts';

/** The servers that are known, the primary first; a backup is asked when those before it cannot be. */
export const isnsService: DiscoveryService = {
  name: 'isns',
  async findTargets(wanted, context) {
    const { isnsServers } = context.locations;
    let failure: unknown = new DisklessError('BOOT_ISNS_SERVER_UNKNOWN', 'no iSNS server is known', {
      hint: 'Let DHCP name one (option 83), or give --isns-server.',
    });
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
