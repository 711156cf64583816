/** `diskless image`: what a boot server keeps of its images, former ones as well. */

import type { Command } from 'commander';
import { registerImageList } from './list.ts';
import { registerImageRemove } from './rm.ts';
import { registerImageShow } from './show.ts';

export function registerImage(command: Command): void {
  registerImageList(command);
  registerImageShow(command);
  registerImageRemove(command);
}
