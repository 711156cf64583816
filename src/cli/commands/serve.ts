/** `diskless serve`: the boot server. */

import type { Command } from 'commander';
import { serveSettings } from '../serve-settings.ts';
import { addAction } from '../setting-flags.ts';

export function registerServe(command: Command): void {
  addAction(command, serveSettings, {}, async (settings) => (await import('../actions/serve.ts')).serve(settings));
}
