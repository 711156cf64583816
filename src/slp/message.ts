/** A whole SLPv2 message: header, body, extensions. */

import { ProtocolError } from '../bytes/index.ts';
import type { SlpBody } from './body.ts';
import { bodyBytes, readBody } from './body-codec.ts';
import { extensionBytes } from './extension.ts';
import { HeaderLayout, readHeader, type SlpHeader } from './header.ts';
import { FunctionId, SLP_VERSION } from './protocol.ts';

export interface SlpMessage {
  readonly header: SlpHeader;
  readonly body: SlpBody;
}

/** The length field has 24 bits. */
const LONGEST_MESSAGE = 0xff_ffff;

const encoder = new TextEncoder();

/** Reads a message. Raises SLP_VERSION_UNSUPPORTED, SLP_MESSAGE_INVALID, LAYOUT_TRUNCATED. */
export function decodeMessage(bytes: Uint8Array): SlpMessage {
  const { header, functionId, bodyStart, bodyEnd } = readHeader(bytes);
  return { header, body: readBody(functionId, bytes.subarray(bodyStart, bodyEnd), header.overflow) };
}

/** Raises SLP_MESSAGE_TOO_LONG. */
export function encodeMessage({ header, body }: SlpMessage): Uint8Array {
  const languageTag = encoder.encode(header.languageTag);
  const content = bodyBytes(body);
  const extensionOffset = HeaderLayout.size + languageTag.length + content.length;
  const extensions = extensionBytes(header.extensions, extensionOffset);
  const length = extensions.reduce((sum, part) => sum + part.length, extensionOffset);
  if (length > LONGEST_MESSAGE) {
    throw new ProtocolError('SLP_MESSAGE_TOO_LONG', `a message of ${length} bytes`, {
      hint: 'A message of SLP has less than 16 MiB: ask for less.',
    });
  }
  const { overflow, fresh, requestMulticast, xid } = header;
  const fixed = HeaderLayout.encode({
    version: SLP_VERSION,
    functionId: FunctionId[body.kind],
    length,
    overflow,
    fresh,
    requestMulticast,
    nextExtensionOffset: extensions.length === 0 ? 0 : extensionOffset,
    xid,
    languageTagLength: languageTag.length,
  });
  return Buffer.concat([fixed, languageTag, content, ...extensions]);
}

/**
 * A reply for a datagram of at most `longest` bytes: what does not fit is left out, whole entries only, and the overflow flag says so
 * (RFC 2608 §6.1, §8.2).
 */
export function encodeReply({ header, body }: SlpMessage, longest: number): Uint8Array {
  const whole = encodeMessage({ header, body });
  if (whole.length <= longest) return whole;
  const cut = { ...header, overflow: true };
  let room = longest - encodeMessage({ header: cut, body: emptied(body) }).length;
  if (body.kind !== 'SrvRply') return encodeMessage({ header: cut, body: emptied(body) });
  const urls = [];
  for (const url of body.urls) {
    room -=
      encodeMessage({ header, body: { ...body, urls: [url] } }).length -
      encodeMessage({ header, body: emptied(body) }).length;
    if (room < 0) break;
    urls.push(url);
  }
  return encodeMessage({ header: cut, body: { ...body, urls } });
}

/** A reply without what makes it long. */
function emptied(body: SlpBody): SlpBody {
  switch (body.kind) {
    case 'SrvRply':
      return { ...body, urls: [] };
    case 'AttrRply':
      return { ...body, attributes: '', authenticationBlocks: [] };
    case 'SrvTypeRply':
      return { ...body, serviceTypes: [] };
    case 'DAAdvert':
    case 'SAAdvert':
      return { ...body, attributes: '' };
    default:
      return body;
  }
}
