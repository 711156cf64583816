/** `diskless iscsi discover`: the targets that a portal offers. */

import type { Command } from 'commander';
import { DisklessError } from '../../../bytes/index.ts';
import type { DiscoveredTarget } from '../../../initiator/discovery.ts';
import { formatPortal } from '../../../initiator/target-address.ts';
import { parsePortal } from '../../disk-address.ts';
import { makeInitiator } from '../../initiator-settings.ts';
import { setting, textual } from '../../setting.ts';
import { addFlags, readSettings } from '../../setting-flags.ts';
import { untilInterrupted } from '../../until-interrupted.ts';
import { commonSettings, ENVIRONMENT_PREFIX, jsonSetting } from './settings.ts';

const discoverSettings = {
  portal: setting({
    help: 'the server, such as 192.0.2.5, disks.example.com:3261 or [2001:db8::5]',
    placeholder: 'host[:port]',
    isArgument: true,
    schema: textual((text) => parsePortal(text)).optional(),
    fallback: undefined,
  }),
  ...commonSettings,
  ...jsonSetting,
};

export function registerDiscover(iscsi: Command): void {
  const command = iscsi
    .command('discover')
    .description('list the targets that a server offers, with the portals of each');
  addFlags(command, discoverSettings, ENVIRONMENT_PREFIX);
  command.action(async (portal: string | undefined, flags: Record<string, unknown>) => {
    const settings = await readSettings(discoverSettings, { ...flags, portal }, { prefix: ENVIRONMENT_PREFIX });
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
      else for (const line of targets.flatMap(portalLines)) process.stdout.write(`${line}\n`);
    });
  });
}

/** One line for each portal, as iscsiadm prints them. */
function portalLines({ name, addresses }: DiscoveredTarget): string[] {
  return addresses.map((address) => `${formatPortal(address)},${address.portalGroupTag ?? 1} ${name}`);
}
