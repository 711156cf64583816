/** What `host` and `image` remove, and how they say so. */

import { DisklessError, sizeText } from '../bytes/index.ts';
import type { DiskSummary } from '../pool/pool.ts';
import { allocatedBy } from './host-record.ts';

export interface Removed {
  /** How many disks. */
  readonly disks: number;
  /** Bytes that they took. */
  readonly freed: number;
}

/** Runs a removal of these disks. Raises DISK_IN_USE in the words of whoever is beside a running server, and what `remove` raises. */
export async function removing(disks: readonly DiskSummary[], remove: () => Promise<unknown>): Promise<Removed> {
  try {
    await remove();
    return { disks: disks.length, freed: allocatedBy(disks) };
  } catch (error) {
    if (!(error instanceof DisklessError) || error.code !== 'DISK_IN_USE') throw error;
    throw new DisklessError('DISK_IN_USE', `${error.message}: a server holds it for its machine`, {
      cause: error,
      hint: 'Switch the machine off: a minute after its last session the server lets go of its disk.',
    });
  }
}

export function removedText({ disks, freed }: Removed): string {
  if (disks === 0) return 'there was no disk to remove';
  return `${disks === 1 ? 'one disk' : `${disks} disks`} removed, ${sizeText(freed)} freed`;
}
