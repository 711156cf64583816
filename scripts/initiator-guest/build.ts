/**
 * A small Linux with the kernel's own iSCSI initiator, for tests: it boots in seconds from a kernel and an initramfs, without a disk,
 * and takes its commands over a virtio channel. Built once and kept in `.cache/`.
 */
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from '../debian/build-cache.ts';
import { type BuildOptions, makeTree } from '../debian/tree.ts';
import { tree as treeRecipe } from './recipe.ts';

export interface InitiatorGuest {
  readonly kernel: string;
  readonly initramfs: string;
}

/** The guest's files, built first when the cache does not hold this recipe's. A build takes one to two minutes and needs root. */
export async function initiatorGuest(options: BuildOptions = {}): Promise<InitiatorGuest> {
  const folder = await cached({
    name: 'initiator-guest',
    sources: [join(import.meta.dirname, '..', 'debian'), import.meta.dirname],
    build: (workFolder) => buildGuest(workFolder, options),
  });
  return filesIn(folder);
}

async function buildGuest(workFolder: string, options: BuildOptions): Promise<string> {
  const tree = join(workFolder, 'root');
  await makeTree(tree, treeRecipe, options);
  const product = join(workFolder, 'product');
  await mkdir(product);
  const { kernel, initramfs } = filesIn(product);
  // The links to the newest kernel that Debian keeps in the root of every system.
  await copyFile(join(tree, 'vmlinuz'), kernel);
  await copyFile(join(tree, 'initrd.img'), initramfs);
  return product;
}

function filesIn(folder: string): InitiatorGuest {
  return { kernel: join(folder, 'vmlinuz'), initramfs: join(folder, 'initrd.img') };
}

if (import.meta.main) {
  const started = performance.now();
  const guest = await initiatorGuest({
    onProgress: (what) => console.error(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${what}`),
  });
  console.log(guest);
}
