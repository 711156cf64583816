/** Attributes on the wire: tag, length, value, all in multiples of four bytes (RFC 4171 §5.3). */

import { ProtocolError, readU32, readU64, writeU32, writeU64 } from '../bytes/index.ts';
import { ipFromBytes, ipToBytes } from './ip-address.ts';
import { type Format, kindOf } from './tag.ts';

export interface Attribute {
  readonly tag: number;
  /** As on the wire, padding and all; without any bytes it asks for a value, or is the lack of one. */
  readonly value: Uint8Array;
}

const TLV_HEADER = 8;

/** With NUL and padding (RFC 4171 §6.1). */
const MAX_NAME_FIELD = 224;
const MAX_TEXT_FIELD = 256;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });
const nothing = new Uint8Array(0);

function invalid(message: string): ProtocolError {
  return new ProtocolError('ISNS_ATTRIBUTE_INVALID', message);
}

/** All attributes from `start` on; their values are views. Unknown ones are there too. Raises ISNS_ATTRIBUTE_INVALID. */
export function decodeAttributes(payload: Uint8Array, start = 0): Attribute[] {
  const attributes: Attribute[] = [];
  for (let at = start; at < payload.length; ) {
    if (payload.length - at < TLV_HEADER) throw invalid('the last attribute is cut off');
    const tag = readU32(payload, at);
    const length = readU32(payload, at + 4);
    at += TLV_HEADER;
    if (length > payload.length - at) throw invalid(`attribute ${tag} of ${length} bytes is cut off`);
    if (length % 4 !== 0) throw invalid(`attribute ${tag} has ${length} bytes, which is no multiple of four`);
    attributes.push({ tag, value: payload.subarray(at, at + length) });
    at += length;
  }
  return attributes;
}

export function encodeAttributes(attributes: readonly Attribute[], start = 0): Uint8Array {
  const length = attributes.reduce((sum, { value }) => sum + TLV_HEADER + value.length, start);
  const payload = new Uint8Array(length);
  let at = start;
  for (const { tag, value } of attributes) {
    writeU32(payload, at, tag);
    writeU32(payload, at + 4, value.length);
    payload.set(value, at + TLV_HEADER);
    at += TLV_HEADER + value.length;
  }
  return payload;
}

/** Asks for the attribute (RFC 4171 §5.6.4.1). */
export function zeroLength(tag: number): Attribute {
  return { tag, value: nothing };
}

export function numberAttribute(tag: number, number: number): Attribute {
  const value = new Uint8Array(4);
  writeU32(value, 0, number);
  return { tag, value };
}

export function longAttribute(tag: number, number: bigint): Attribute {
  const value = new Uint8Array(8);
  writeU64(value, 0, number);
  return { tag, value };
}

/** Ends in one to four NULs (RFC 4171 §5.3.1). */
export function textAttribute(tag: number, text: string): Attribute {
  const bytes = encoder.encode(text);
  const value = new Uint8Array((bytes.length + 4) & ~3);
  value.set(bytes);
  return { tag, value };
}

/** Raises ISNS_ADDRESS_INVALID. */
export function addressAttribute(tag: number, address: string): Attribute {
  return { tag, value: ipToBytes(address) };
}

/** Raises ISNS_ATTRIBUTE_INVALID, as all that follow. */
export function numberOf({ tag, value }: Attribute): number {
  if (value.length !== 4) throw invalid(`attribute ${tag} has ${value.length} bytes, not 4`);
  return readU32(value, 0);
}

/** That of the first attribute with the tag; undefined when there is none. */
export function findNumber(attributes: readonly Attribute[], tag: number): number | undefined {
  const found = attributes.find((attribute) => attribute.tag === tag);
  return found === undefined ? undefined : numberOf(found);
}

export function longOf({ tag, value }: Attribute): bigint {
  if (value.length !== 8) throw invalid(`attribute ${tag} has ${value.length} bytes, not 8`);
  return readU64(value, 0);
}

/** Up to the first NUL; peers that send none are understood. */
export function textOf({ tag, value }: Attribute): string {
  const end = value.indexOf(0);
  try {
    return decoder.decode(end < 0 ? value : value.subarray(0, end));
  } catch {
    throw invalid(`attribute ${tag} is no UTF-8 text`);
  }
}

export function addressOf({ tag, value }: Attribute): string {
  if (value.length !== 16) throw invalid(`attribute ${tag} has ${value.length} bytes, not 16`);
  return ipFromBytes(value);
}

/** Whether a value has the form that its tag asks for; an empty one always has. Raises ISNS_ATTRIBUTE_INVALID. */
export function checkForm(attribute: Attribute): void {
  if (attribute.value.length > 0) checks[kindOf(attribute.tag)?.format ?? 'bytes'](attribute);
}

const checks: Readonly<Record<Format, (attribute: Attribute) => void>> = {
  u32: (attribute) => void numberOf(attribute),
  u64: (attribute) => void longOf(attribute),
  ip: (attribute) => void addressOf(attribute),
  text: (attribute) => checkText(attribute, MAX_TEXT_FIELD),
  name: (attribute) => checkText(attribute, MAX_NAME_FIELD),
  bytes: () => {},
};

function checkText(attribute: Attribute, most: number): void {
  const { tag, value } = attribute;
  if (value.length > most) throw invalid(`attribute ${tag} has ${value.length} bytes, ${most} are allowed`);
  if (value.at(-1) !== 0) throw invalid(`the text of attribute ${tag} does not end in NUL`);
  textOf(attribute);
}
