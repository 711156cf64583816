/** The data directory of a boot server, open beside the server. */

import { join } from 'node:path';
import { DisklessError } from '../bytes/index.ts';
import { SqliteFleetStore } from '../fleet/sqlite/store.ts';
import type { FleetStore } from '../fleet/store.ts';
import { nodeFileSystem } from '../os/node-file-system.ts';
import { runProcess } from '../os/process.ts';
import { LocalPool } from '../pool/local.ts';

export interface OpenDirectory {
  readonly fleet: FleetStore;
  readonly pool: LocalPool;
}

/** Raises what `withDirectory` raises. */
export async function useDirectory<T>(directory: string, use: (directory: OpenDirectory) => Promise<T>): Promise<T> {
  const state = join(directory, 'state.db');
  if (nodeFileSystem.status(state) === undefined) {
    throw new DisklessError('DATA_NOT_FOUND', `${directory} is not the data directory of a boot server`, {
      hint: 'Name the one that "diskless serve" was given: --data DIR.',
    });
  }
  await using fleet = new SqliteFleetStore(state);
  await using pool = new LocalPool({ directory, fileSystem: nodeFileSystem, run: runProcess });
  // Awaited here, so that both are closed after it and not before.
  return await use({ fleet, pool });
}
