/** The flags of a command, from its table of settings. */

import { type Command, Option } from 'commander';
import { environmentName, flagName, type SettingTable } from './setting.ts';

/** Adds a flag for each setting. `except` are given as arguments; `prefix` is that of the environment variables. */
export function addFlags(command: Command, table: SettingTable, except: readonly string[], prefix?: string): void {
  for (const [name, { help, placeholder, repeats }] of Object.entries(table)) {
    if (except.includes(name)) continue;
    const flags = placeholder === undefined ? flagName(name) : `${flagName(name)} <${placeholder}>`;
    const option = new Option(flags, `${help} [${environmentName(name, prefix)}]`);
    if (repeats) option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
    command.addOption(option);
  }
}
