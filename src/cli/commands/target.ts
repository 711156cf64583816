/** `diskless target`: files and NBD exports as an iSCSI target, and nothing else. */

import type { Command } from 'commander';
import { addAction } from '../setting-flags.ts';
import { targetSettings } from '../target-settings.ts';

/** What is set for `diskless serve` means nothing here. */
const ENVIRONMENT_PREFIX = 'DISKLESS_TARGET';

export function registerTarget(command: Command): void {
  addAction(command, targetSettings, { prefix: ENVIRONMENT_PREFIX }, async (settings) =>
    (await import('../actions/target.ts')).target(settings),
  );
}
