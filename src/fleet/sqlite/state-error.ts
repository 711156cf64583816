/** Errors of SQLite, and of the file of its log, as this project's: what was tried, with what, and what to do. */

import { DisklessError } from '../../bytes/index.ts';

/** Primary result codes: the low byte of `errcode` (SQLite, "Result and Error Codes"). */
const SQLITE_PERM = 3;
const SQLITE_READONLY = 8;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_AUTH = 23;
/** Extended codes of an I/O error that a full file system causes where SQLite maps or sizes its shared memory. */
const SQLITE_IOERR_SHMSIZE = 4874;

/** `error` is what was raised when this process tried to `tried` the state at `path`. */
export function stateError(error: unknown, tried: 'open' | 'write', path: string): DisklessError {
  if (error instanceof DisklessError && error.code.startsWith('FLEET_')) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const message = `cannot ${tried} the state in ${path}: ${reason}`;
  if (isFull(error)) {
    return new DisklessError('FLEET_NO_SPACE', message, {
      cause: error,
      hint: 'Free space on the file system of the data directory ("df -h"): until then nothing new is remembered.',
    });
  }
  if (isForbidden(error)) {
    return new DisklessError('FLEET_STATE_FORBIDDEN', message, {
      cause: error,
      hint: 'Run as the user that the server runs as.',
    });
  }
  if (tried === 'write') {
    return new DisklessError('FLEET_NOT_WRITTEN', message, {
      cause: error,
      hint: 'Look at the disk of the data directory; the kernel log ("dmesg") says more.',
    });
  }
  return new DisklessError('FLEET_STATE_UNREADABLE', message, {
    cause: error,
    hint: 'Restore it from a backup, or use another --data directory.',
  });
}

function isFull(error: unknown): boolean {
  if (error instanceof DisklessError) return error.code === 'FILE_NO_SPACE';
  return primaryCode(error) === SQLITE_FULL || codeOf(error) === SQLITE_IOERR_SHMSIZE;
}

function isForbidden(error: unknown): boolean {
  return [SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_AUTH].includes(primaryCode(error));
}

function primaryCode(error: unknown): number {
  return codeOf(error) & 0xff;
}

function codeOf(error: unknown): number {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) : 0;
}
