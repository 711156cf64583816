/** What the layer below raised, as the codes that `Device` promises. */

import { DisklessError } from '../bytes/index.ts';

/** `what` names the device and the operation, such as `write disk.data`. */
export function deviceError(error: unknown, what: string): DisklessError {
  if (error instanceof DisklessError) {
    if (error.code.startsWith('DEVICE_')) return error;
    if (error.code === 'FILE_NO_SPACE') {
      return new DisklessError('DEVICE_NO_SPACE', `cannot ${what}: ${error.message}`, {
        cause: error,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      });
    }
  }
  const reason = error instanceof Error ? error.message : String(error);
  const hint = error instanceof DisklessError ? error.hint : undefined;
  return new DisklessError('DEVICE_IO', `cannot ${what}: ${reason}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

export function readOnlyError(what: string): DisklessError {
  return new DisklessError('DEVICE_READ_ONLY', `${what} is read-only`, { hint: 'Open it for writing.' });
}
