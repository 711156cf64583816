/** Builds that take minutes, made once and kept in `.cache/` under a name that changes with their sources. */
import { createHash } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';

export interface CachedBuild {
  /** What the product is called; with the digest of its sources it names it in the cache. */
  readonly name: string;
  /** How its name ends, such as `.img`; a folder's ends in nothing. */
  readonly extension?: string;
  /** Folders of everything that the product depends on: another byte in one of them is another product. */
  readonly sources: readonly string[];
  /** Makes the product, a file or a folder, inside an empty work folder; gives its path. */
  readonly build: (workFolder: string) => Promise<string>;
}

const cacheFolder = join(import.meta.dirname, '..', '..', '.cache');

/** The path of the product, built first when the cache does not hold it. */
export async function cached({ name, extension = '', sources, build }: CachedBuild): Promise<string> {
  const path = join(cacheFolder, `${name}-${await digestOf(sources)}${extension}`);
  if (await exists(path)) return path;
  const workFolder = join(cacheFolder, `build-${name}-${process.pid}`);
  await mkdir(cacheFolder, { recursive: true });
  await removeAbandonedBuilds(name);
  await mkdir(workFolder);
  try {
    const built = await build(workFolder);
    await removeOldProducts(name, extension);
    // A name in the cache is a finished product: half a build never gets one.
    await rename(built, path);
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
  return path;
}

/** The SHA-256 of the names and bytes of every file in the folders. */
async function digestOf(folders: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const folder of folders) {
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    const paths = files.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    for (const path of paths.sort()) {
      hash.update(`${relative(folder, path)}\0`).update(await readFile(path));
    }
  }
  return hash.digest('hex').slice(0, 16);
}

async function removeOldProducts(name: string, extension: string): Promise<void> {
  for (const entry of await readdir(cacheFolder)) {
    if (!entry.startsWith(`${name}-`) || !entry.endsWith(extension)) continue;
    const digest = entry.slice(name.length + 1, entry.length - extension.length);
    if (/^[0-9a-f]{16}$/.test(digest)) await rm(join(cacheFolder, entry), { recursive: true });
  }
}

/** What a build that was killed left behind: its folder is named by its process. */
async function removeAbandonedBuilds(name: string): Promise<void> {
  const prefix = `build-${name}-`;
  for (const entry of await readdir(cacheFolder)) {
    if (!entry.startsWith(prefix)) continue;
    const pid = entry.slice(prefix.length);
    if (pid === String(process.pid) || !(await exists(`/proc/${pid}`))) {
      await rm(join(cacheFolder, entry), { recursive: true, force: true });
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
