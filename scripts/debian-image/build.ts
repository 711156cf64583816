/**
 * The Debian that the demo and the whole-machine tests boot: installed from the archive, configured to find its root by the
 * firmware's boot table, bootable by BIOS and by UEFI. Built once and kept in `.cache/`.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../command.ts';
import { cached } from '../debian/build-cache.ts';
import { type BuildOptions, makeTree } from '../debian/tree.ts';
import { type Partition, partitionTypes, sectorSize, writePartitionTable } from '../disk-image/gpt.ts';
import { installBiosLoader, installEfiLoader } from './boot-loader.ts';
import { layout, loadersFolder, rootLabel, tree as treeRecipe } from './recipe.ts';

/** The path of the image, built first when the cache does not hold this recipe's. A build takes one to two minutes and needs root. */
export function debianImage(options: BuildOptions = {}): Promise<string> {
  const scripts = join(import.meta.dirname, '..');
  return cached({
    name: 'debian',
    extension: '.img',
    sources: ['debian', 'debian-image', 'disk-image'].map((folder) => join(scripts, folder)),
    build: (workFolder) => buildImage(workFolder, options),
  });
}

async function buildImage(workFolder: string, options: BuildOptions): Promise<string> {
  const tree = join(workFolder, 'root');
  const image = join(workFolder, 'disk.img');
  const loaders = join(tree, loadersFolder);
  await makeTree(tree, treeRecipe, options);
  options.onProgress?.('writing partitions and boot loaders');
  const partitions = partitionLayout();
  const disk = await open(image, 'wx+');
  try {
    await disk.truncate(layout.diskSize);
    await writePartitionTable(disk, layout.diskSize / sectorSize, partitions, 'diskless debian image');
    await installBiosLoader(disk, loaders, layout.biosBootStart, layout.biosBootSize);
  } finally {
    await disk.close();
  }
  await installEfiLoader(image, loaders, layout.efiSystemStart, layout.efiSystemSize);
  options.onProgress?.('writing the root file system');
  await makeRootFileSystem(image, tree, options);
  return image;
}

function partitionLayout(): Partition[] {
  const sectors = (bytes: number) => bytes / sectorSize;
  return [
    {
      type: partitionTypes.biosBoot,
      name: 'BIOS boot',
      start: sectors(layout.biosBootStart),
      length: sectors(layout.biosBootSize),
    },
    {
      type: partitionTypes.efiSystem,
      name: 'EFI system',
      start: sectors(layout.efiSystemStart),
      length: sectors(layout.efiSystemSize),
    },
    {
      type: partitionTypes.linuxFileSystem,
      name: 'root',
      start: sectors(layout.rootStart),
      length: sectors(rootSize()),
    },
  ];
}

/** The rest of the disk, less the last MiB, in which the second partition table lies. */
function rootSize(): number {
  return layout.diskSize - layout.rootStart - 1024 * 1024;
}

/** `mkfs.ext4 -d` fills the file system from a folder: no mount, no loop device. */
async function makeRootFileSystem(image: string, tree: string, options: BuildOptions): Promise<void> {
  const extended = `offset=${layout.rootStart},lazy_itable_init=1,lazy_journal_init=1`;
  const blocks = `${rootSize() / 4096}`;
  await runCommand(
    'mkfs.ext4',
    ['-q', '-F', '-b', '4096', '-L', rootLabel, '-E', extended, '-d', tree, image, blocks],
    { signal: options.signal },
  );
}

if (import.meta.main) {
  const started = performance.now();
  const path = await debianImage({
    onProgress: (what) => console.error(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${what}`),
  });
  console.log(path);
}
