/** Strings of SLP (RFC 2608 §6.4): how they are compared, escaped and put into lists. */

import { ProtocolError } from '../bytes/index.ts';

/** `( ) , \ ! < = > ~` and control characters (RFC 2608 §5). */
const RESERVED = /[(),\\!<=>~\x00-\x1f\x7f]/;
const RESERVED_ALL = new RegExp(RESERVED, 'g');

/** What may be escaped beside what must be: `* ; +` are reserved in scopes (§6.4.1), `*` in filters. */
const ESCAPABLE = /[(),\\!<=>~\x00-\x1f\x7f*;+]/;

/** White space is folded, and case ignored in all of Unicode. Two strings are equal to SLP when their folded forms are. */
export function folded(text: string): string {
  return foldedInside(text).trim();
}

/** The same for a part of a string, whose ends may be white space inside the whole. */
export function foldedInside(text: string): string {
  return text.replaceAll(/[ \t\r\n]+/g, ' ').toLowerCase();
}

export function isReserved(character: string): boolean {
  return RESERVED.test(character);
}

export function escaped(text: string): string {
  return text.replaceAll(RESERVED_ALL, (character) => `\\${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Raises SLP_STRING_INVALID for a backslash without two digits, and for escapes of what must not be escaped. */
export function unescaped(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replaceAll(/\\([0-9A-Fa-f]{2})?/g, (_, digits: string | undefined) => {
    const character = digits === undefined ? '' : String.fromCharCode(Number.parseInt(digits, 16));
    if (ESCAPABLE.test(character)) return character;
    throw new ProtocolError('SLP_STRING_INVALID', `"${text}" has an escape that SLP does not allow`);
  });
}

/** A `<string-list>`: its items as they are written, escapes included, so that they go out as they came in. */
export function listItems(text: string): string[] {
  return text === '' ? [] : text.split(',');
}

export function listText(items: readonly string[]): string {
  return items.join(',');
}

/** An item as it is compared. Raises SLP_STRING_INVALID. */
function itemKey(item: string): string {
  return folded(unescaped(item));
}

/** Those of `wanted` that are among `offered`, as `offered` writes them. Raises SLP_STRING_INVALID. */
export function itemsInBoth(wanted: readonly string[], offered: readonly string[]): string[] {
  const keys = new Set(wanted.map(itemKey));
  return offered.filter((item) => keys.has(itemKey(item)));
}

/** Whether two lists have the same items, in any order. Raises SLP_STRING_INVALID. */
export function haveSameItems(left: readonly string[], right: readonly string[]): boolean {
  return new Set(left.map(itemKey)).symmetricDifference(new Set(right.map(itemKey))).size === 0;
}

/** Scopes as they are written in messages, from names as people write them. */
export function scopeList(names: readonly string[]): string[] {
  return names.map((name) =>
    escaped(name).replaceAll(/[;*+]/g, (character) => `\\${character.charCodeAt(0).toString(16)}`),
  );
}
