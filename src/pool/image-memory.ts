/**
 * The identities of images, so that a large one is read once and not at every start. `images/NAME-KEY.json` holds what was found out
 * about the file at one path: good as long as the file's size and time of change are the same.
 */

import { createHash } from 'node:crypto';
import type { FileStatus, FileSystem } from '../os/file.ts';
import { ReplacedFile } from '../os/replaced-file.ts';

/** What was found out about the file at one path. */
export interface Memory {
  readonly path: string;
  readonly size: number;
  readonly modified: string;
  readonly identity: string;
}

export class ImageMemory {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;

  constructor(fileSystem: FileSystem, directory: string) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
  }

  /** The identity, when the file has not been touched since. A block device has no time of change that could be trusted. */
  recall(source: string, status: FileStatus): string | undefined {
    const path = this.#path(source);
    if (status.kind !== 'file' || this.#fileSystem.status(path) === undefined) return undefined;
    const memory = this.#read(path);
    if (memory?.path !== source || memory.size !== status.size) return undefined;
    return memory.modified === String(status.modified) ? memory.identity : undefined;
  }

  /** Undefined when the file is not what `remember` wrote: the identity is then found out again. */
  #read(path: string): Memory | undefined {
    const file = this.#fileSystem.open(path, 'read');
    try {
      const bytes = new Uint8Array(file.size());
      file.readSync(bytes, 0);
      const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
      return isMemory(value) ? value : undefined;
    } catch {
      return undefined;
    } finally {
      void file.close();
    }
  }

  async remember(source: string, status: FileStatus, identity: string): Promise<void> {
    if (status.kind !== 'file') return;
    const memory: Memory = { path: source, size: status.size, modified: String(status.modified), identity };
    const content = new TextEncoder().encode(`${JSON.stringify(memory, undefined, 2)}\n`);
    await new ReplacedFile(this.#fileSystem, this.#path(source)).save(content);
  }

  /** Everything that is remembered, in the order of the files' names. */
  all(): Memory[] {
    return this.#fileNames().flatMap((name) => this.#read(`${this.#directory}/${name}`) ?? []);
  }

  /** Whether the file is still as it was when it was read, as far as its size and time of change tell. */
  isCurrent({ path, size, modified }: Memory): boolean {
    const status = this.#fileSystem.status(path);
    return status?.size === size && String(status.modified) === modified;
  }

  /** Forgets all files of that content; it is found out again when one of them is opened. */
  async forget(isForgotten: (memory: Memory) => boolean): Promise<void> {
    for (const name of this.#fileNames()) {
      const path = `${this.#directory}/${name}`;
      const memory = this.#read(path);
      if (memory !== undefined && isForgotten(memory)) await this.#fileSystem.remove(path);
    }
  }

  #fileNames(): string[] {
    if (this.#fileSystem.status(this.#directory) === undefined) return [];
    return this.#fileSystem.list(this.#directory).filter((name) => name.endsWith('.json'));
  }

  #path(source: string): string {
    return `${this.#directory}/${baseName(source)}-${keyOf(source)}.json`;
  }
}

function isMemory(value: unknown): value is Memory {
  if (typeof value !== 'object' || value === null) return false;
  const { path, size, modified, identity } = value as Record<string, unknown>;
  return (
    typeof path === 'string' &&
    typeof size === 'number' &&
    typeof modified === 'string' &&
    typeof identity === 'string' &&
    /^[0-9a-f]{64}$/.test(identity)
  );
}

/** The last component of a path, in characters that every file system takes, at most 100 of them. */
export function baseName(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name.replaceAll(/[^\w.-]/g, '_').slice(0, 100);
}

/** Tells files of the same name in different directories apart. */
export function keyOf(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 8);
}
