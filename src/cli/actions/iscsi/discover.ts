/** The targets that a portal offers. */

import { DisklessError, printable } from '../../../bytes/index.ts';
import type { DiscoveredTarget } from '../../../initiator/discovery.ts';
import { formatPortal } from '../../../initiator/target-address.ts';
import type { DiscoverSettings } from '../../commands/iscsi/discover.ts';
import { makeInitiator } from '../../initiator.ts';
import { untilInterrupted } from '../../until-interrupted.ts';

/** Raises USAGE_SERVER_MISSING. */
export async function discover(settings: DiscoverSettings): Promise<void> {
  const { portal: where, json } = settings;
  if (where === undefined) {
    throw new DisklessError('USAGE_SERVER_MISSING', 'no server was given', {
      hint: 'Name it: diskless iscsi discover 192.0.2.5',
    });
  }
  await untilInterrupted(async (signal) => {
    const initiator = await makeInitiator(settings);
    const targets = await initiator.discover(where, { signal });
    if (json) process.stdout.write(`${JSON.stringify({ portal: formatPortal(where), targets }, undefined, 2)}\n`);
    else for (const line of targets.flatMap(portalLines)) process.stdout.write(`${printable(line)}\n`);
  });
}

/** One line for each portal, as iscsiadm prints them. */
function portalLines({ name, addresses }: DiscoveredTarget): string[] {
  return addresses.map((address) => `${formatPortal(address)},${address.portalGroupTag ?? 1} ${name}`);
}
