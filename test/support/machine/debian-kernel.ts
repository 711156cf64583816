/** The kernel and the initramfs of a Debian image, taken out of its root file system: for machines that are started without firmware. */
import { join } from 'node:path';
import { runCommand } from '../../../scripts/command.ts';
import { layout } from '../../../scripts/debian-image/recipe.ts';

export interface DebianKernel {
  readonly kernel: string;
  readonly initramfs: string;
}

/** Copies both into the folder. Nothing is mounted. */
export async function debianKernel(image: string, folder: string): Promise<DebianKernel> {
  const files = { kernel: join(folder, 'vmlinuz'), initramfs: join(folder, 'initrd.img') };
  const debugfs = (request: string) =>
    runCommand('debugfs', ['-R', request, `${image}?offset=${layout.rootStart}`], { env: { DEBUGFS_PAGER: 'cat' } });
  const [, version] = /\/vmlinuz-([^/]+)\//.exec(await debugfs('ls -p /boot')) ?? [];
  if (version === undefined) throw new Error(`there is no kernel in ${image}`);
  await debugfs(`dump /boot/vmlinuz-${version} ${files.kernel}`);
  await debugfs(`dump /boot/initrd.img-${version} ${files.initramfs}`);
  return files;
}
