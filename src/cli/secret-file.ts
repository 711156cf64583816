/** Secrets come by file only: a command line is everybody's to read. A file that others can use holds no secrets. */

import { DisklessError } from '../bytes/index.ts';
import type { FileSystem } from '../os/file.ts';

/** Raises an error with the code `exposed` when others than the owner have rights to the file, and the errors of files. */
export async function readSecretFile(files: FileSystem, path: string, exposed: string): Promise<string> {
  const text = Buffer.from(await files.readFile(path)).toString('utf8');
  if (((files.status(path)?.mode ?? 0) & 0o077) !== 0) {
    throw new DisklessError(exposed, `${path} holds secrets, and others than its owner can use it`, {
      hint: `Take their rights away: chmod 600 ${path}`,
    });
  }
  return text;
}
