/** One unit's reservations in a file of their own, replaced in one step. */

import type { FileSystem } from '../../os/file.ts';
import type { ReservationStore } from './store.ts';

export class FileReservationStore implements ReservationStore {
  readonly #files: FileSystem;
  readonly #path: string;

  /** The directory of `path` exists. Both operations raise what the file system raises. */
  constructor(files: FileSystem, path: string) {
    this.#files = files;
    this.#path = path;
  }

  async load(): Promise<Uint8Array | undefined> {
    if (this.#files.status(this.#path) === undefined) return undefined;
    return this.#files.readFile(this.#path);
  }

  /** Data first, then the name: a power cut between the two leaves the old content. */
  async save(content: Uint8Array): Promise<void> {
    const fresh = `${this.#path}.new`;
    const file = this.#files.open(fresh, 'create');
    try {
      await file.write(content, 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#files.rename(fresh, this.#path);
  }
}
