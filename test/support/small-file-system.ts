/** A real file system of a few MiB that a test can fill to the last block, and give room again. Needs root. */

import { execFileSync } from 'node:child_process';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryDirectory } from './temporary-directory.ts';

export const BLOCK = 4096;

export type SmallFileSystemKind = 'tmpfs' | 'ext4';

/** What `requires` must find for each kind. */
export const smallFileSystemTools: Readonly<Record<SmallFileSystemKind, readonly string[]>> = {
  tmpfs: ['mount'],
  ext4: ['mount', 'mkfs.ext4', 'losetup'],
};

export class SmallFileSystem {
  readonly path: string;
  readonly #ballast: string;

  /** Mounted until the test ends: programs that use it must have ended before. */
  constructor(t: TestContext, kind: SmallFileSystemKind, size: number) {
    const outer = temporaryDirectory(t, () => execFileSync('umount', ['--lazy', this.path]));
    this.path = join(outer, 'mounted');
    mkdirSync(this.path);
    if (kind === 'tmpfs') execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', this.path]);
    else {
      const image = join(outer, 'ext4.img');
      writeFileSync(image, '');
      truncateSync(image, size);
      execFileSync('mkfs.ext4', ['-q', '-b', String(BLOCK), '-O', '^has_journal', image]);
      execFileSync('mount', ['-o', 'loop', image, this.path]);
    }
    this.#ballast = join(this.path, 'ballast');
  }

  /** Fills it, but for so many blocks. */
  fill(spare = 0): void {
    const file = openSync(this.#ballast, 'a+');
    try {
      for (;;) writeSync(file, Buffer.alloc(BLOCK, 1));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
    fsyncSync(file);
    if (spare > 0) ftruncateSync(file, fstatSync(file).size - spare * BLOCK);
    fsyncSync(file);
    closeSync(file);
  }

  /** Takes the filling away. */
  free(): void {
    truncateSync(this.#ballast, 0);
  }
}
