/** `diskless iscsi discover`: the targets that a portal offers. */

import type { Command } from 'commander';
import { parsePortal } from '../../disk-address.ts';
import { setting, textual, type ValuesOf } from '../../setting.ts';
import { addAction } from '../../setting-flags.ts';
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

export type DiscoverSettings = ValuesOf<typeof discoverSettings>;

export function registerDiscover(iscsi: Command): void {
  const command = iscsi
    .command('discover')
    .description('list the targets that a server offers, with the portals of each');
  addAction(command, discoverSettings, { prefix: ENVIRONMENT_PREFIX }, async (settings) =>
    (await import('../../actions/iscsi/discover.ts')).discover(settings),
  );
}
