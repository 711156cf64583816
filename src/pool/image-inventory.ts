/** What a pool's directory holds of its images: `images/` and the disks over them. */

import { DisklessError } from '../bytes/index.ts';
import type { FileSystem } from '../os/file.ts';
import { IDENTITY_DIGITS } from './disk-name.ts';
import { ImageMemory } from './image-memory.ts';
import type { DiskSummary, ImageSummary } from './pool.ts';

export class ImageInventory {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #memory: ImageMemory;

  /** `directory` is that of the images. */
  constructor(fileSystem: FileSystem, directory: string) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#memory = new ImageMemory(fileSystem, directory);
  }

  /** By identity. Former contents have disks or a converted image only: which file they came from is no longer known. */
  list(disks: readonly DiskSummary[]): ImageSummary[] {
    const memories = this.#memory.all();
    const converted = this.#converted();
    const identities = new Set([
      ...memories.map(({ identity }) => shortened(identity)),
      ...converted.keys(),
      ...disks.map(({ imageIdentity }) => imageIdentity),
    ]);
    return [...identities].sort().map((identity) => ({
      identity,
      sources: memories
        .filter((memory) => shortened(memory.identity) === identity)
        .map((memory) => ({ path: memory.path, size: memory.size, isCurrent: this.#memory.isCurrent(memory) })),
      converted: this.#statusOf(converted.get(identity)),
      disks: disks.filter(({ imageIdentity }) => imageIdentity === identity),
    }));
  }

  /** Paths of the converted images by identity. */
  #converted(): ReadonlyMap<string, string> {
    if (this.#fileSystem.status(this.#directory) === undefined) return new Map();
    const entries = this.#fileSystem.list(this.#directory).flatMap((name) => {
      const identity = /-([0-9a-f]+)\.raw$/.exec(name)?.[1];
      return identity === undefined ? [] : [[identity, `${this.#directory}/${name}`] as const];
    });
    return new Map(entries);
  }

  #statusOf(path: string | undefined): ImageSummary['converted'] {
    const status = path === undefined ? undefined : this.#fileSystem.status(path);
    if (path === undefined || status === undefined) return undefined;
    return { path, size: status.size, allocated: status.allocated };
  }

  /** Keeps a converted image from being opened, until the result is disposed of. Raises IMAGE_IN_USE while somebody serves it. */
  lock({ identity, converted }: ImageSummary): AsyncDisposable | undefined {
    if (converted === undefined) return undefined;
    const file = this.#fileSystem.open(converted.path, 'write');
    try {
      file.lock();
      return { [Symbol.asyncDispose]: () => file.close() };
    } catch (error) {
      void file.close();
      if (!(error instanceof DisklessError) || error.code !== 'FILE_LOCKED') throw error;
      throw new DisklessError('IMAGE_IN_USE', `a server has the image ${identity} open`, {
        cause: error,
        hint: 'End the server, or let it serve another image, and try again.',
      });
    }
  }

  /** `lock` is held, and no disk is over it any more. */
  async remove({ identity, converted }: ImageSummary): Promise<void> {
    await this.#memory.forget((memory) => shortened(memory.identity) === identity);
    if (converted !== undefined) await this.#fileSystem.remove(converted.path);
  }
}

function shortened(identity: string): string {
  return identity.slice(0, IDENTITY_DIGITS);
}
