/** The flags of a command, from its table of settings, and the settings of one run of it. */

import { type Command, Option } from 'commander';
import type { FileSystem } from '../os/file.ts';
import { nodeFileSystem } from '../os/node-file-system.ts';
import { readConfigFile } from './config-file.ts';
import { configure } from './configuration.ts';
import { environmentName, flagName, type SettingTable, type ValuesOf } from './setting.ts';

/** Adds the argument and a flag for each other setting, and `--config`. `prefix` is that of the environment variables. */
export function addFlags(command: Command, table: SettingTable, prefix?: string): void {
  const place = environmentName('config', prefix);
  command.option('--config <file>', `YAML file with the same settings, one "name: value" a line [${place}]`);
  for (const [name, { help, placeholder, isArgument, repeats, negation }] of Object.entries(table)) {
    const text = `${help} [${environmentName(name, prefix)}]`;
    if (isArgument) {
      command.argument(`[${placeholder}]`, text);
      continue;
    }
    const option = new Option(placeholder === undefined ? flagName(name) : `${flagName(name)} <${placeholder}>`, text);
    if (repeats) option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
    command.addOption(option);
    if (negation !== undefined) command.addOption(new Option(`--no-${flagName(name).slice(2)}`, negation));
  }
}

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
