/** Attribute lists (RFC 2608 §5): `(tag=value,value),keyword`. What a value means follows from how it is written. */

import { ProtocolError } from '../bytes/index.ts';
import { escaped, folded, isReserved, unescaped } from './text.ts';

export type AttributeValue =
  /** -2^31 to 2^31 - 1; `text` has it as it was written. */
  | { readonly kind: 'integer'; readonly value: number; readonly text: string }
  | { readonly kind: 'boolean'; readonly value: boolean; readonly text: string }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'opaque'; readonly bytes: Uint8Array };

export interface Attribute {
  /** As it was written, but without escapes. */
  readonly tag: string;
  /** None: a keyword. */
  readonly values: readonly AttributeValue[];
}

/** White space that may stand unescaped: it is folded away (RFC 2608 §6.4). */
const WHITE_SPACE = /[\t\r\n]/;
const OPAQUE = /^\s*\\ff((?:\\[0-9a-f]{2})+)\s*$/i;
const INTEGER = /^-?[0-9]+$/;

/** Raises SLP_ATTRIBUTES_INVALID, SLP_STRING_INVALID. */
export function parseAttributeList(text: string): Attribute[] {
  if (text.trim() === '') return [];
  return splitAttributes(text).map((part) => (part.startsWith('(') ? withValues(part) : keyword(part)));
}

function splitAttributes(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let inside = false;
  for (let at = 0; at <= text.length; at++) {
    const character = text[at];
    if (character === '(' ? inside : character === ')' ? !inside : false) throw invalid(text, 'brackets do not match');
    if (character === '(') inside = true;
    else if (character === ')') inside = false;
    else if (character === undefined || (character === ',' && !inside)) {
      parts.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  if (inside) throw invalid(text, 'a bracket is not closed');
  return parts;
}

function keyword(part: string): Attribute {
  return { tag: tagOf(part), values: [] };
}

function withValues(part: string): Attribute {
  const equals = part.indexOf('=');
  if (!part.endsWith(')') || equals < 0) throw invalid(part, 'is not (tag=values)');
  const values = part.slice(equals + 1, -1).split(',');
  return { tag: tagOf(part.slice(1, equals)), values: values.map(parseValue) };
}

/** Raises SLP_ATTRIBUTES_INVALID, SLP_STRING_INVALID. */
export function tagOf(written: string): string {
  const tag = withoutEscapes(written.trim());
  if (tag === '' || /[*_]/.test(tag)) throw invalid(written, 'is not a tag');
  return tag;
}

/** Raises SLP_ATTRIBUTES_INVALID, SLP_STRING_INVALID. */
export function parseValue(written: string): AttributeValue {
  const opaque = OPAQUE.exec(written)?.[1];
  if (opaque !== undefined) return { kind: 'opaque', bytes: Buffer.from(opaque.replaceAll('\\', ''), 'hex') };
  const text = withoutEscapes(written);
  if (text.trim() === '') throw invalid(written, 'is an empty value');
  return attributeValue(text);
}

/** The value that a text without escapes is. */
export function attributeValue(text: string): AttributeValue {
  const key = folded(text);
  if (key === 'true' || key === 'false') return { kind: 'boolean', value: key === 'true', text };
  const number = INTEGER.test(key) ? Number(key) : Number.NaN;
  if (number >= -(2 ** 31) && number < 2 ** 31) return { kind: 'integer', value: number, text };
  return { kind: 'string', text };
}

/** Without escapes; what is reserved must have been escaped. Raises SLP_ATTRIBUTES_INVALID, SLP_STRING_INVALID. */
export function withoutEscapes(written: string): string {
  for (const character of written) {
    if (character !== '\\' && isReserved(character) && !WHITE_SPACE.test(character)) {
      throw invalid(written, `has "${escaped(character)}" unescaped`);
    }
  }
  return unescaped(written);
}

export function formatAttributeList(attributes: readonly Attribute[]): string {
  return attributes.map(formatAttribute).join(',');
}

function formatAttribute({ tag, values }: Attribute): string {
  return values.length === 0 ? escaped(tag) : `(${escaped(tag)}=${values.map(formatValue).join(',')})`;
}

function formatValue(value: AttributeValue): string {
  if (value.kind !== 'opaque') return escaped(value.text);
  return `\\FF${Array.from(value.bytes, (byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')}`;
}

/** By folded tag. Values of one tag are put together, each once (RFC 2608 §10.4). */
export type AttributeTable = ReadonlyMap<string, Attribute>;

export function attributeTable(attributes: Iterable<Attribute>): AttributeTable {
  const table = new Map<string, Attribute>();
  for (const { tag, values } of attributes) {
    const key = folded(tag);
    const known = table.get(key);
    table.set(key, { tag: known?.tag ?? tag, values: distinct([...(known?.values ?? []), ...values]) });
  }
  return table;
}

function distinct(values: readonly AttributeValue[]): AttributeValue[] {
  return [...new Map(values.map((value) => [valueKey(value), value] as const).toReversed()).values()].toReversed();
}

function valueKey(value: AttributeValue): string {
  if (value.kind === 'opaque') return `opaque ${Buffer.from(value.bytes).toString('hex')}`;
  return value.kind === 'integer' ? `integer ${value.value}` : `${value.kind} ${folded(value.text)}`;
}

/** Raises SLP_REGISTRATION_INVALID: values of one attribute are of one type, and a boolean is one value (RFC 2608 §5). */
export function checkConsistent(table: AttributeTable): void {
  for (const { tag, values } of table.values()) {
    const [first] = values;
    const isConsistent =
      values.every(({ kind }) => kind === first?.kind) && (first?.kind !== 'boolean' || values.length === 1);
    if (!isConsistent) {
      throw new ProtocolError(
        'SLP_REGISTRATION_INVALID',
        `the values of the attribute "${tag}" are of different types`,
      );
    }
  }
}

function invalid(text: string, why: string): ProtocolError {
  return new ProtocolError('SLP_ATTRIBUTES_INVALID', `"${text}" is no attribute list: ${why}`);
}
