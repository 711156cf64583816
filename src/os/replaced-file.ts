/** A small file that is read as a whole and replaced in one step: at any time it holds all of one content. */

import type { FileSystem } from './file.ts';

export class ReplacedFile {
  readonly path: string;
  readonly #files: FileSystem;

  /** The directory of `path` exists. Both operations raise what the file system raises. */
  constructor(files: FileSystem, path: string) {
    this.#files = files;
    this.path = path;
  }

  /** What was saved last; undefined when nothing ever was. */
  async load(): Promise<Uint8Array | undefined> {
    if (this.#files.status(this.path) === undefined) return undefined;
    return this.#files.readFile(this.path);
  }

  /** Data first, then the name: a power cut between the two leaves the old content, and so does a save that fails. */
  async save(content: Uint8Array): Promise<void> {
    const fresh = `${this.path}.new`;
    const file = this.#files.open(fresh, 'create');
    try {
      await file.write(content, 0);
      await file.sync();
    } catch (error) {
      // On a full disk the beginning of the new content would take room that the next attempt needs.
      await this.#files.remove(fresh).catch(() => undefined);
      throw error;
    } finally {
      await file.close();
    }
    await this.#files.rename(fresh, this.path);
  }
}
