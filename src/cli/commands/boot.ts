/** `diskless boot`: RFC 4173's client. */

import type { Command } from 'commander';
import { bootSettings } from '../boot-settings.ts';
import { addAction } from '../setting-flags.ts';

/** What is set for `diskless serve` (DISKLESS_DHCP=proxy) means nothing to the client. */
const ENVIRONMENT_PREFIX = 'DISKLESS_BOOT';

export function registerBoot(command: Command): void {
  addAction(command, bootSettings, { prefix: ENVIRONMENT_PREFIX }, async (settings, forQemu) =>
    (await import('../actions/boot.ts')).bootMachine(settings, forQemu),
  );
  command.argument('[qemu-arguments...]', 'behind "--", with --vm: more arguments of QEMU');
}
