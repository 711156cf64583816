/** The settings of one run of a command. */

import type { FileSystem } from '../os/file.ts';
import { nodeFileSystem } from '../os/node-file-system.ts';
import { readConfigFile } from './config-file.ts';
import { configure } from './configuration.ts';
import { environmentName, type SettingTable, type ValuesOf } from './setting.ts';

export interface SettingSources {
  /** Of the environment variables; default DISKLESS. */
  readonly prefix?: string;
  /** What else may stand in the config file: another command's, which shares it. */
  readonly alsoIn?: SettingTable;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly files?: FileSystem;
}

/**
 * The settings of one run: `flags` and arguments as the command line gave them, the environment, and the config file that one of the
 * two names. Raises what `readConfigFile` and `configure` raise.
 */
export async function readSettings<Table extends SettingTable>(
  table: Table,
  flags: Readonly<Record<string, unknown>>,
  { prefix, alsoIn, environment = process.env, files = nodeFileSystem }: SettingSources = {},
): Promise<ValuesOf<Table>> {
  const path = flags.config ?? environment[environmentName('config', prefix)];
  const sources = { flags, environment, ...(prefix === undefined ? {} : { prefix }) };
  if (typeof path !== 'string' || path === '') return configure(table, sources);
  const names = Object.keys({ ...alsoIn, ...table });
  return configure(table, { ...sources, file: await readConfigFile(files, path, names) });
}
