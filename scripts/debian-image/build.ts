/**
 * The Debian that the demo and the whole-machine tests boot: installed from the archive, configured to find its root by the
 * firmware's boot table, bootable by BIOS and by UEFI. Built once and kept in `.cache/`.
 */
import { access, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../command.ts';
import { type Partition, partitionTypes, sectorSize, writePartitionTable } from '../disk-image/gpt.ts';
import { installBiosLoader, installEfiLoader } from './boot-loader.ts';
import { layout, recipeDigest, rootLabel } from './recipe.ts';
import { loadersFolder, makeRootTree } from './root-tree.ts';

export interface BuildOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told what is being done, at least every few seconds in a fresh build. */
  readonly onProgress?: (what: string) => void;
}

const cacheFolder = join(import.meta.dirname, '..', '..', '.cache');

/** The path of the image, built first when the cache does not hold this recipe's. A build takes one to two minutes and needs root. */
export async function debianImage(options: BuildOptions = {}): Promise<string> {
  const imagePath = join(cacheFolder, `debian-${await recipeDigest()}.img`);
  if (await exists(imagePath)) return imagePath;
  const workFolder = join(cacheFolder, `build-${process.pid}`);
  await mkdir(cacheFolder, { recursive: true });
  await removeAbandonedBuilds();
  await mkdir(workFolder);
  try {
    const built = await buildImage(workFolder, options);
    await removeOldImages();
    // A name in the cache is a finished image: half a build never gets one.
    await rename(built, imagePath);
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
  return imagePath;
}

async function buildImage(workFolder: string, options: BuildOptions): Promise<string> {
  const tree = join(workFolder, 'root');
  const image = join(workFolder, 'disk.img');
  const loaders = join(tree, loadersFolder);
  await makeRootTree(tree, options);
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

async function removeOldImages(): Promise<void> {
  const old = (await readdir(cacheFolder)).filter((name) => /^debian-[0-9a-f]{16}\.img$/.test(name));
  await Promise.all(old.map((name) => rm(join(cacheFolder, name))));
}

/** What a build that was killed left behind: its folder is named by its process. */
async function removeAbandonedBuilds(): Promise<void> {
  for (const name of await readdir(cacheFolder)) {
    const pid = /^build-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && (pid === String(process.pid) || !(await exists(`/proc/${pid}`)))) {
      await rm(join(cacheFolder, name), { recursive: true, force: true });
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

if (import.meta.main) {
  const started = performance.now();
  const path = await debianImage({
    onProgress: (what) => console.error(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${what}`),
  });
  console.log(path);
}
