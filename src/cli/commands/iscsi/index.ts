/** `diskless iscsi`: looks at targets and their disks from outside. */

import type { Command } from 'commander';
import { registerBench } from './bench.ts';
import { registerDiscover } from './discover.ts';
import { registerInquiry } from './inquiry.ts';
import { registerRead } from './read.ts';
import { registerSecret } from './secret.ts';

export function registerIscsi(command: Command): void {
  registerDiscover(command);
  registerInquiry(command);
  registerRead(command);
  registerBench(command);
  registerSecret(command);
}
