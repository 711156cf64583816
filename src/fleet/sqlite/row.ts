/** Columns of a row as the types that this program wrote into them. */

import type { SQLOutputValue } from 'node:sqlite';
import {
  DisklessError,
  type Ipv4Address,
  type Ipv6Address,
  type MacAddress,
  parseIpv4,
  parseIpv6,
  parseMac,
} from '../../bytes/index.ts';

export type Row = Readonly<Record<string, SQLOutputValue>>;

function unexpected(column: string, value: unknown): DisklessError {
  return new DisklessError('FLEET_STATE_CORRUPT', `the state has ${String(value)} in its column ${column}`, {
    hint: 'Restore state.db from a backup, or start with a new --data directory.',
  });
}

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value === 'string') return value;
  throw unexpected(column, value);
}

export function number(row: Row, column: string): number {
  const value = row[column];
  if (typeof value === 'number') return value;
  throw unexpected(column, value);
}

export function blob(row: Row, column: string): Uint8Array {
  const value = row[column];
  if (value instanceof Uint8Array) return value;
  throw unexpected(column, value);
}

export function optionalText(row: Row, column: string): string | undefined {
  return row[column] === null ? undefined : text(row, column);
}

export function oneOf<Word extends string>(row: Row, column: string, words: readonly Word[]): Word {
  const value = text(row, column);
  const word = words.find((candidate) => candidate === value);
  if (word === undefined) throw unexpected(column, value);
  return word;
}

export function mac(row: Row, column: string): MacAddress {
  return parseMac(text(row, column));
}

export function optionalMac(row: Row, column: string): MacAddress | undefined {
  return row[column] === null ? undefined : mac(row, column);
}

export function ipv4(row: Row, column: string): Ipv4Address {
  return parseIpv4(text(row, column));
}

export function optionalIpv4(row: Row, column: string): Ipv4Address | undefined {
  return row[column] === null ? undefined : ipv4(row, column);
}

export function ipv6(row: Row, column: string): Ipv6Address {
  return parseIpv6(text(row, column));
}

export function optionalIpv6(row: Row, column: string): Ipv6Address | undefined {
  return row[column] === null ? undefined : ipv6(row, column);
}
