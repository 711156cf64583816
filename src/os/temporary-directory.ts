/** A directory for things that end with this program, such as sockets: nobody else may look into it. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileError } from './file-error.ts';

export interface TemporaryDirectory extends AsyncDisposable {
  readonly path: string;
}

/** Disposal removes it with all that is in it. Raises the errors of files. */
export async function makeTemporaryDirectory(): Promise<TemporaryDirectory> {
  const prefix = join(tmpdir(), 'diskless-');
  try {
    const path = await mkdtemp(prefix);
    return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
  } catch (error) {
    throw fileError(error, 'make directory', prefix);
  }
}
