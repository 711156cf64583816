/** The data directory of a boot server, for commands that look at it or clean it up beside the server. */

import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { OpenDirectory } from './open-directory.ts';
import { onOrOff, setting } from './setting.ts';

export const dataSetting = setting({
  help: 'where state, converted images and the machines’ disks are kept',
  placeholder: 'dir',
  schema: z.string().min(1).optional(),
  fallback: undefined,
});

/** What every command about a data directory can be told. */
export const directorySettings = {
  data: dataSetting,
  json: setting({ help: 'print one JSON document', schema: onOrOff, fallback: false }),
};

/** FHS for root, the XDG base directories for anybody else. */
export function defaultDataDirectory(): string {
  if (process.getuid?.() === 0) return '/var/lib/diskless';
  const state = process.env.XDG_STATE_HOME;
  return join(state === undefined || state === '' ? join(homedir(), '.local', 'state') : state, 'diskless');
}

/**
 * Opens what a server has made, and makes nothing itself. A server may be running over it: the state is shared, and what it has open
 * is locked. Raises DATA_NOT_FOUND, FLEET_STATE_FORBIDDEN and its kin.
 */
export async function withDirectory<T>(
  data: string | undefined,
  use: (directory: OpenDirectory) => Promise<T>,
): Promise<T> {
  const { useDirectory } = await import('./open-directory.ts');
  return useDirectory(data ?? defaultDataDirectory(), use);
}
