/** What one setting of a command is: from it follow the flag, the environment variable, the key of the config file and its check. */

import { z } from 'zod';
import { DisklessError } from '../bytes/index.ts';

export interface Setting<Value> {
  /** One line for --help. */
  readonly help: string;
  /** How --help names the value; a setting without one is a switch. */
  readonly placeholder?: string;
  /** Given as the command's argument, not by a flag. */
  readonly isArgument?: boolean;
  /** A flag that may be given several times. */
  readonly repeats?: boolean;
  /** One line for the flag that switches off what is on by default: `--no-thin` beside `--thin`. */
  readonly negation?: string;
  /** Checks and converts what the file gives; text from a flag or the environment goes the same way. */
  readonly schema: z.ZodType<Value>;
  /** The value when nobody gives one. */
  readonly fallback: Value;
}

/** A table holds settings of every value type, and each keeps its own. */
export type SettingTable = Readonly<Record<string, Setting<unknown>>>;

export type ValuesOf<Table extends SettingTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Setting<infer Value> ? Value : never;
};

export function setting<Value>(description: Setting<Value>): Setting<Value> {
  return description;
}

/** A schema from a parser of text that raises DisklessError; a bare number of a YAML file counts as its text. */
export function textual<Value>(parse: (text: string) => Value): z.ZodType<Value> {
  return z.union([z.string(), z.number()], { error: 'expected text or a number' }).transform((text, context) => {
    try {
      return parse(String(text));
    } catch (error) {
      if (!(error instanceof DisklessError)) throw error;
      context.addIssue([error.message, error.hint].filter((part) => part !== undefined).join('. '));
      return z.NEVER;
    }
  });
}

/** On or off: a switch among the flags, a word in the environment, either in the config file. */
export const onOrOff: z.ZodType<boolean> = textual(parseSwitch).or(z.boolean());

function parseSwitch(text: string): boolean {
  if (/^(1|true|yes|on)$/i.test(text)) return true;
  if (/^(0|false|no|off)$/i.test(text)) return false;
  throw new DisklessError('USAGE_VALUE_INVALID', `"${text}" is neither on nor off`, { hint: 'Write true or false.' });
}

/**
 * A list: a YAML sequence, or text with commas, or a flag given several times. `separator` splits text where items may hold commas of
 * their own; what comes as a list of its own is then taken as it is.
 */
export function listOf<Value>(item: z.ZodType<Value>, separator?: RegExp): z.ZodType<readonly Value[]> {
  return z
    .union([z.array(z.union([z.string(), z.number()])), z.string(), z.number()], { error: 'expected a list' })
    .transform((given) => {
      if (Array.isArray(given) && separator !== undefined) return given.map(String);
      return [given].flat().flatMap((entry) => {
        return String(entry)
          .split(separator ?? ',')
          .map((part) => part.trim());
      });
    })
    .pipe(z.array(item as z.ZodType<Value, string>));
}

/** `portalPort` -> `--portal-port`. */
export function flagName(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `portalPort` -> `DISKLESS_PORTAL_PORT`. The prefix tells commands apart that have settings of the same name. */
export function environmentName(name: string, prefix = 'DISKLESS'): string {
  return `${prefix}_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
