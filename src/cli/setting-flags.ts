/** The flags of a command, from its table of settings, and what it does with the settings of one run. */

import { type Command, Option } from 'commander';
import type { SettingSources } from './reading-settings.ts';
import { environmentName, flagName, type SettingTable, type ValuesOf } from './setting.ts';

/**
 * Adds the settings to a command, and its action, which is given their values and all arguments as text. What an action runs with it
 * imports itself: help describes a command without that.
 */
export function addAction<Table extends SettingTable>(
  command: Command,
  table: Table,
  sources: Omit<SettingSources, 'environment' | 'files'>,
  action: (settings: ValuesOf<Table>, given: readonly string[]) => Promise<void>,
): void {
  addFlags(command, table, sources.prefix);
  const argument = Object.keys(table).find((name) => table[name]?.isArgument);
  command.action(async () => {
    const { readSettings } = await import('./reading-settings.ts');
    const given = argument === undefined ? {} : { [argument]: command.args[0] };
    await action(await readSettings(table, { ...command.opts(), ...given }, sources), command.args);
  });
}

/** The argument and a flag for each other setting, and `--config`. `prefix` is that of the environment variables. */
function addFlags(command: Command, table: SettingTable, prefix?: string): void {
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
