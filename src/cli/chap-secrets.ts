/** CHAP's names and secrets, from their file. */

import type { ChapDemand } from '../iscsi/chap.ts';
import { parseChapFile } from '../iscsi/chap-file.ts';
import type { FileSystem } from '../os/file.ts';
import { readSecretFile } from './secret-file.ts';

/** Raises CHAP_FILE_EXPOSED, CHAP_FILE_INVALID and the errors of files. */
export async function readChapFile(files: FileSystem, path: string): Promise<ChapDemand> {
  return parseChapFile(await readSecretFile(files, path, 'CHAP_FILE_EXPOSED'), path);
}
