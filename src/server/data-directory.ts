/** The directory that everything is kept in. One server at a time has it. */

import { DisklessError } from '../bytes/index.ts';
import type { FileSystem } from '../os/file.ts';

/** Takes the directory, making it when it is new; disposing of the result gives it back. Raises DATA_IN_USE, FILE_FORBIDDEN. */
export async function claimDataDirectory(files: FileSystem, path: string): Promise<AsyncDisposable> {
  await files.makeDirectory(path);
  const file = files.open(`${path}/server.lock`, 'create');
  try {
    file.lock();
  } catch (error) {
    await file.close();
    if (!(error instanceof DisklessError) || error.code !== 'FILE_LOCKED') throw error;
    throw new DisklessError('DATA_IN_USE', `another server works with the data directory ${path}`, {
      cause: error,
      hint: 'End it, or give this one another --data directory.',
    });
  }
  return { [Symbol.asyncDispose]: () => file.close() };
}
