/**
 * The names of a disk's files: `HOST@IMAGE.data`, with IMAGE the first digits of the image's identity. Notes are kept beside it:
 * `HOST@IMAGE.reservations`.
 */

import type { OverlayPaths } from '../block/overlay-files.ts';
import { DisklessError } from '../bytes/index.ts';
import { type DiskNoteKind, diskNoteKinds } from './pool.ts';

/** Digits of the identity in a file's name; the whole of it is in the file. */
export const IDENTITY_DIGITS = 16;
const HOST_LENGTH = 200;
const MAP_SUFFIX = '.map';

/** Raises DISK_NAME. */
export function diskPaths(directory: string, host: string, identity: string): OverlayPaths {
  const name = stem(directory, host, identity);
  return { data: `${name}.data`, map: `${name}${MAP_SUFFIX}`, live: `${name}.live` };
}

/** Raises DISK_NAME. */
export function diskNotePath(directory: string, host: string, identity: string, kind: DiskNoteKind): string {
  return `${stem(directory, host, identity)}.${kind}`;
}

/** Where a disk's notes are, if it has any. Raises DISK_NAME. */
export function diskNotePaths(directory: string, host: string, identity: string): string[] {
  return diskNoteKinds.map((kind) => diskNotePath(directory, host, identity, kind));
}

function stem(directory: string, host: string, identity: string): string {
  return `${directory}/${encodeHost(host)}@${identity.slice(0, IDENTITY_DIGITS)}`;
}

/** Host and identity of a map file's name; undefined for any other name. */
export function parseDiskName(fileName: string): { host: string; imageIdentity: string } | undefined {
  const match = /^([^@]+)@([0-9a-f]+)\.map$/.exec(fileName);
  const [, host, imageIdentity] = match ?? [];
  if (host === undefined || imageIdentity === undefined) return undefined;
  try {
    return { host: decodeURIComponent(host), imageIdentity };
  } catch {
    return undefined; // not a name that encodeHost gave
  }
}

/** Letters, digits, `-`, `_`, `.` and the colons of a MAC address stay; no name begins with a dot or holds a slash. */
function encodeHost(host: string): string {
  const encoded = Array.from(new TextEncoder().encode(host), (byte, index) => {
    const character = String.fromCharCode(byte);
    const plain = index === 0 ? /[\w:-]/ : /[\w:.-]/;
    return plain.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
  if (encoded.length === 0 || encoded.length > HOST_LENGTH) {
    throw new DisklessError('DISK_NAME', `"${host}" cannot name a disk`, {
      hint: `The name of a host has 1 to ${HOST_LENGTH} letters, digits or dashes.`,
    });
  }
  return encoded;
}
