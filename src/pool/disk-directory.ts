/** The files of a pool's disks: which there are, what is noted beside them, and their removal. */

import { DisklessError } from '../bytes/index.ts';
import type { FileSystem } from '../os/file.ts';
import { ReplacedFile } from '../os/replaced-file.ts';
import { diskNotePath, diskNotePaths, diskPaths, parseDiskName } from './disk-name.ts';
import type { DiskNote, DiskNoteKind, DiskSummary } from './pool.ts';

/** A disk by the names of its files. */
interface FoundDisk {
  readonly host: string;
  readonly imageIdentity: string;
}

export class DiskDirectory {
  readonly path: string;
  readonly #fileSystem: FileSystem;

  constructor(fileSystem: FileSystem, path: string) {
    this.#fileSystem = fileSystem;
    this.path = path;
  }

  list(): DiskSummary[] {
    return this.#find().map(({ host, imageIdentity }) => {
      const paths = diskPaths(this.path, host, imageIdentity);
      const all = [paths.data, paths.map, paths.live].map((path) => this.#fileSystem.status(path));
      const allocated = all.reduce((sum, status) => sum + (status?.allocated ?? 0), 0);
      return { host, imageIdentity, size: all[0]?.size ?? 0, allocated };
    });
  }

  #find(): FoundDisk[] {
    if (this.#fileSystem.status(this.path) === undefined) return [];
    return this.#fileSystem.list(this.path).flatMap((fileName) => parseDiskName(fileName) ?? []);
  }

  note(host: string, imageIdentity: string, kind: DiskNoteKind): DiskNote {
    return new ReplacedFile(this.#fileSystem, diskNotePath(this.path, host, imageIdentity, kind));
  }

  async removeNotes(host: string, imageIdentity: string): Promise<void> {
    for (const path of diskNotePaths(this.path, host, imageIdentity)) await this.#fileSystem.remove(path);
  }

  /**
   * Removes those disks that are doomed, and gives how many there were. One removal at a time: a second one could hold the lock of a
   * file that is gone, and take its successor away. Raises DISK_IN_USE while somebody has one of them open, then with all still there.
   */
  async remove(isDoomed: (disk: FoundDisk) => boolean): Promise<number> {
    const doomed = this.#find().filter(isDoomed);
    await using held = new AsyncDisposableStack();
    for (const disk of doomed) held.use(this.#lock(disk));
    for (const disk of doomed) await this.#removeFiles(disk);
    return doomed.length;
  }

  #lock({ host, imageIdentity }: FoundDisk): AsyncDisposable | undefined {
    const paths = diskPaths(this.path, host, imageIdentity);
    if (this.#fileSystem.status(paths.data) === undefined) return undefined;
    const data = this.#fileSystem.open(paths.data, 'write');
    try {
      data.lock();
      return { [Symbol.asyncDispose]: () => data.close() };
    } catch (error) {
      void data.close();
      throw diskError(error, host);
    }
  }

  /**
   * Notes go first, so that no other disk ever finds them; then the map: without it there is no disk. The data is the last, as its
   * lock keeps everybody out who opens or makes the disk meanwhile.
   */
  async #removeFiles({ host, imageIdentity }: FoundDisk): Promise<void> {
    await this.removeNotes(host, imageIdentity);
    const { map, live, data } = diskPaths(this.path, host, imageIdentity);
    for (const path of [map, live, data]) await this.#fileSystem.remove(path);
  }
}

export function diskInUse(host: string, cause?: unknown): DisklessError {
  return new DisklessError('DISK_IN_USE', `the disk of ${host} is open already`, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'Two users of one disk would destroy it: end the other one first.',
  });
}

/** What the files raised, said about the disk. */
export function diskError(error: unknown, host: string): unknown {
  return error instanceof DisklessError && error.code === 'FILE_LOCKED' ? diskInUse(host, error) : error;
}
