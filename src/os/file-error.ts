/** Node's file errors as this project's: what was tried, with what, and what to do. */

import { DisklessError } from '../bytes/index.ts';

const causes: Record<string, { code: string; hint: string }> = {
  ENOENT: { code: 'FILE_NOT_FOUND', hint: 'Check the path.' },
  ENOTDIR: { code: 'FILE_NOT_FOUND', hint: 'A part of the path is a file, not a directory.' },
  EACCES: { code: 'FILE_FORBIDDEN', hint: 'Check owner and mode of the file and of the directories above it.' },
  EPERM: { code: 'FILE_FORBIDDEN', hint: 'Run as a user who may do this.' },
  EROFS: { code: 'FILE_FORBIDDEN', hint: 'The file system is mounted read-only.' },
  EEXIST: { code: 'FILE_EXISTS', hint: 'Choose another name, or remove what is there.' },
  EISDIR: { code: 'FILE_IS_DIRECTORY', hint: 'Name a file inside of it.' },
  ENOSPC: { code: 'FILE_NO_SPACE', hint: 'Free space on the file system ("df -h"), or use another one.' },
  EDQUOT: { code: 'FILE_NO_SPACE', hint: "The user's quota on the file system is used up." },
  EFBIG: { code: 'FILE_NO_SPACE', hint: 'The file system allows no file of that size: use another one.' },
  EMFILE: { code: 'FILE_TOO_MANY_OPEN', hint: 'Raise the limit of open files ("ulimit -n", LimitNOFILE= in systemd).' },
  ENFILE: { code: 'FILE_TOO_MANY_OPEN', hint: 'Raise the limit of the system (sysctl fs.file-max).' },
  EBADF: { code: 'FILE_CLOSED', hint: 'The file was closed before the operation began.' },
};

/** `error` is what node:fs raised when this process tried to `tried` the file at `path`. */
export function fileError(error: unknown, tried: string, path: string): DisklessError {
  if (error instanceof DisklessError) return error;
  const errno = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const known = errno === undefined ? undefined : causes[errno];
  const message = `cannot ${tried} ${path}: ${errno ?? (error instanceof Error ? error.message : String(error))}`;
  return known === undefined
    ? new DisklessError('FILE_IO', message, { cause: error, hint: 'The kernel log ("dmesg") says more.' })
    : new DisklessError(known.code, message, { cause: error, hint: known.hint });
}
