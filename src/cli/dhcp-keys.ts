/** The keys of authenticated DHCP, from their file. */

import { type AuthenticationKeyEntry, parseAuthenticationFile } from '../dhcp/authentication-file.ts';
import type { FileSystem } from '../os/file.ts';
import { readSecretFile } from './secret-file.ts';

/** Raises DHCP_AUTH_FILE_EXPOSED, DHCP_AUTH_FILE_INVALID and the errors of files. */
export async function readDhcpKeys(files: FileSystem, path: string): Promise<readonly AuthenticationKeyEntry[]> {
  return parseAuthenticationFile(await readSecretFile(files, path, 'DHCP_AUTH_FILE_EXPOSED'), path);
}
