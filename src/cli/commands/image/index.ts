/** `diskless image`: what a boot server keeps of its images, former ones as well. */

import type { Command } from 'commander';
import { registerImageList } from './list.ts';
import { registerImageRemove } from './rm.ts';
import { registerImageShow } from './show.ts';

export function registerImage(program: Command): void {
  const command = program.command('image').description('what a boot server keeps of its images, former ones as well');
  registerImageList(command);
  registerImageShow(command);
  registerImageRemove(command);
}
