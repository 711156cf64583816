/** `diskless host`: the machines that a boot server knows, and their disks. */

import type { Command } from 'commander';
import { registerHostList } from './list.ts';
import { registerHostReset } from './reset.ts';
import { registerHostRemove } from './rm.ts';
import { registerHostSet } from './set.ts';
import { registerHostShow } from './show.ts';

export function registerHost(command: Command): void {
  registerHostList(command);
  registerHostShow(command);
  registerHostSet(command);
  registerHostReset(command);
  registerHostRemove(command);
}
