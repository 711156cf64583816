/** CHAP's names and secrets come by file only: a command line is everybody's to read. */

import { DisklessError } from '../bytes/index.ts';
import type { ChapDemand } from '../iscsi/chap.ts';
import { parseChapFile } from '../iscsi/chap-file.ts';
import type { FileSystem } from '../os/file.ts';

/** Raises CHAP_FILE_EXPOSED, CHAP_FILE_INVALID and the errors of files. */
export async function readChapFile(files: FileSystem, path: string): Promise<ChapDemand> {
  const text = Buffer.from(await files.readFile(path)).toString('utf8');
  if (((files.status(path)?.mode ?? 0) & 0o077) !== 0) {
    throw new DisklessError('CHAP_FILE_EXPOSED', `${path} holds secrets, and others than its owner can use it`, {
      hint: `Take their rights away: chmod 600 ${path}`,
    });
  }
  return parseChapFile(text, path);
}
