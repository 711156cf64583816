/** What requests and responses carry (RFC 4171 §5.6, §5.7): attributes in sections, which the delimiter parts. */

import { ProtocolError, readU32, writeU32 } from '../bytes/index.ts';
import { type Attribute, decodeAttributes, encodeAttributes, zeroLength } from './attribute.ts';
import { Tag } from './tag.ts';

export interface RequestSections {
  /** The iSCSI name of whoever asks; undefined when the request does not say. */
  readonly source: Attribute | undefined;
  readonly key: readonly Attribute[];
  readonly operating: readonly Attribute[];
}

export interface ResponseSections {
  readonly status: number;
  readonly key: readonly Attribute[];
  readonly operating: readonly Attribute[];
}

/** Source attributes are the first of a request, and iSCSI names or Fibre Channel port names (RFC 4171 §5.6.1). */
const FC_PORT_NAME = 64;

/** Raises ISNS_ATTRIBUTE_INVALID. */
export function decodeRequest(payload: Uint8Array): RequestSections {
  const attributes = decodeAttributes(payload);
  const [first] = attributes;
  const hasSource = first !== undefined && (first.tag === Tag.iscsiName || first.tag === FC_PORT_NAME);
  const rest = hasSource ? attributes.slice(1) : attributes;
  return { source: hasSource ? first : undefined, ...parted(rest) };
}

/** Without a delimiter, everything is of the key (RFC 4171 §5.6.3 asks for one; what has none has nothing to part). */
function parted(attributes: readonly Attribute[]): { key: Attribute[]; operating: Attribute[] } {
  const delimiter = attributes.findIndex(({ tag }) => tag === Tag.delimiter);
  if (delimiter < 0) return { key: [...attributes], operating: [] };
  return { key: attributes.slice(0, delimiter), operating: attributes.slice(delimiter + 1) };
}

export function encodeRequest({ source, key, operating }: RequestSections): Uint8Array {
  const own = source === undefined ? [] : [source];
  return encodeAttributes([...own, ...key, zeroLength(Tag.delimiter), ...operating]);
}

const STATUS_LENGTH = 4;

/** Raises ISNS_ATTRIBUTE_INVALID. */
export function decodeResponse(payload: Uint8Array): ResponseSections {
  const status = statusOf(payload);
  return { status, ...parted(decodeAttributes(payload, STATUS_LENGTH)) };
}

export function statusOf(payload: Uint8Array): number {
  if (payload.length < STATUS_LENGTH) throw new ProtocolError('ISNS_ATTRIBUTE_INVALID', 'a response has no status');
  return readU32(payload, 0);
}

/** Without a delimiter when there is nothing to part (RFC 4171 §5.7.3). */
export function encodeResponse({ status, key, operating }: ResponseSections): Uint8Array {
  const isBare = key.length === 0 && operating.length === 0;
  return withStatus(status, isBare ? [] : [...key, zeroLength(Tag.delimiter), ...operating]);
}

/** The answers to ESI and SCN have no sections (RFC 4171 §5.7.5.8, §5.7.5.13). */
export function withStatus(status: number, attributes: readonly Attribute[]): Uint8Array {
  const payload = encodeAttributes(attributes, STATUS_LENGTH);
  writeU32(payload, 0, status);
  return payload;
}
