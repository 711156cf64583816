/** Puts the settings of a command together: a flag wins over the environment, that over the config file, that over the default. */

import type { z } from 'zod';
import { DisklessError } from '../bytes/index.ts';
import type { ConfigFile } from './config-file.ts';
import { environmentName, flagName, type SettingTable, type ValuesOf } from './setting.ts';

export interface Sources {
  /** What the command line gave, by the setting's name; undefined where it did not. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Of the environment variables; default DISKLESS. */
  readonly prefix?: string;
  readonly file?: ConfigFile;
}

interface Given {
  readonly value: unknown;
  readonly where: string;
  readonly code: 'USAGE_VALUE_INVALID' | 'CONFIG_VALUE_INVALID';
}

/** Raises USAGE_VALUE_INVALID for a bad flag, CONFIG_VALUE_INVALID for a bad variable or line of the file. */
export function configure<Table extends SettingTable>(table: Table, sources: Sources): ValuesOf<Table> {
  const entries = Object.entries(table).map(([name, { schema, fallback, isArgument, placeholder }]) => {
    const given = findGiven(name, isArgument ? `<${placeholder}>` : flagName(name), sources);
    return [name, given === undefined ? fallback : checked(schema, given)];
  });
  return Object.fromEntries(entries);
}

/** `label` is how the command line calls it. */
function findGiven(name: string, label: string, { flags, environment, prefix, file }: Sources): Given | undefined {
  const flag = flags[name];
  if (flag !== undefined) return { value: flag, where: label, code: 'USAGE_VALUE_INVALID' };
  const variable = environment[environmentName(name, prefix)];
  if (variable !== undefined && variable !== '') {
    return { value: variable, where: environmentName(name, prefix), code: 'CONFIG_VALUE_INVALID' };
  }
  const line = file?.values[name];
  if (file === undefined || line === undefined || line === null) return undefined;
  return { value: line, where: `${file.where(name)}: ${name}`, code: 'CONFIG_VALUE_INVALID' };
}

function checked<Value>(schema: z.ZodType<Value>, { value, where, code }: Given): Value {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new DisklessError(code, `${where}: ${reason(result.error.issues[0])}`);
}

function reason(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.code === 'invalid_union') return issue.errors[0]?.[0]?.message ?? issue.message;
  return issue?.message ?? 'not a valid value';
}
