/** The boot loaders: found once at the start, and kept in memory, as they are small and every machine asks for the same. */

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DisklessError } from '../bytes/index.ts';
import type { FileSystem } from '../os/file.ts';
import { loaderNames } from './architecture.ts';
import type { LoaderPlace } from './options.ts';

/** Where Debian's package `ipxe` puts its files; links lead from the first to the second. */
const packageDirectories = ['/usr/lib/ipxe', '/boot'] as const;

/** Without these an ordinary PC boots neither by BIOS nor by UEFI; the others are for rarer machines. */
const essential = ['undionly.kpxe', 'snponly.efi'] as const;

/** A file that is served, and what HTTP's conditions ask about it. */
export interface Loader {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly modified: Date;
  /** An entity tag of HTTP: other bytes have another. */
  readonly tag: string;
}

export function loaderOf(content: Uint8Array, modified: Date): Loader {
  const bytes = new Uint8Array(content);
  return { bytes, modified, tag: `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}"` };
}

export class Loaders {
  readonly #files: ReadonlyMap<string, Loader>;

  constructor(files: ReadonlyMap<string, Loader>) {
    this.#files = files;
  }

  get names(): readonly string[] {
    return [...this.#files.keys()];
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  get(name: string): Loader | undefined {
    return this.#files.get(name);
  }
}

/** Raises LOADER_MISSING, LOADER_OUTSIDE. */
export async function findLoaders(files: FileSystem, place: LoaderPlace): Promise<Loaders> {
  if (place.kind === 'none') return new Loaders(new Map());
  const directories = place.kind === 'package' ? packageDirectories : [place.path];
  const found = new Map<string, Loader>();
  for (const name of loaderNames) {
    const directory = directories.find((one) => isFile(files, join(one, name)));
    if (directory !== undefined)
      found.set(name, await load(files, pathWithin(files, directories, join(directory, name))));
  }
  const missing = essential.filter((name) => !found.has(name));
  if (missing.length === 0) return new Loaders(found);
  throw new DisklessError('LOADER_MISSING', `no boot loader ${missing.join(', ')} in ${directories.join(' or ')}`, {
    hint:
      place.kind === 'package'
        ? 'Install Debian’s package: apt-get install ipxe; or give --loader-dir DIR, or --loader-dir off for machines that have iPXE already.'
        : 'Put iPXE’s undionly.kpxe (BIOS) and snponly.efi (UEFI) there, or leave --loader-dir out and install the package ipxe.',
  });
}

async function load(files: FileSystem, path: string): Promise<Loader> {
  const modified = new Date(Number((files.status(path)?.modified ?? 0n) / 1_000_000n));
  return loaderOf(await files.readFile(path), modified);
}

/** A link must not make a file public that lies in none of the directories. Raises LOADER_OUTSIDE. */
function pathWithin(files: FileSystem, directories: readonly string[], loader: string): string {
  const path = files.realPath(loader);
  const present = directories.filter((directory) => files.status(directory) !== undefined);
  if (present.some((directory) => path.startsWith(join(files.realPath(directory), '/')))) return path;
  throw new DisklessError('LOADER_OUTSIDE', `the boot loader ${loader} is a link to ${path}`, {
    hint: 'Everybody on the network can read what is in that folder: copy the loader into it, or give the folder where it is.',
  });
}

function isFile(files: FileSystem, path: string): boolean {
  return files.status(path)?.kind === 'file';
}
