/** What every SLPv2 message begins with (RFC 2608 §8). */

import { flag, layout, ProtocolError, u8, u16, u24 } from '../bytes/index.ts';
import { type Extension, readExtensions } from './extension.ts';
import { SLP_VERSION } from './protocol.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** The part of fixed length; the language tag follows. */
export const HeaderLayout = layout('SLP header', 14, {
  version: u8(0),
  functionId: u8(1),
  /** Bytes of the whole message. */
  length: u24(2),
  overflow: flag(5, 7),
  fresh: flag(5, 6),
  requestMulticast: flag(5, 5),
  nextExtensionOffset: u24(7),
  xid: u16(10),
  languageTagLength: u16(12),
});

export interface SlpHeader {
  /** 0 to 65535; 0 only in unsolicited DAAdverts. */
  readonly xid: number;
  readonly languageTag: string;
  /** The message would not fit into a datagram, and this is as much of it as does. */
  readonly overflow: boolean;
  /** A registration that replaces what was registered before. */
  readonly fresh: boolean;
  readonly requestMulticast: boolean;
  readonly extensions: readonly Extension[];
}

/** A header of its own; what is not given is unset. */
export function slpHeader(given: Partial<SlpHeader> & Pick<SlpHeader, 'xid' | 'languageTag'>): SlpHeader {
  return { overflow: false, fresh: false, requestMulticast: false, extensions: [], ...given };
}

/** A header, and where in the message the body is. */
export interface ReadHeader {
  readonly header: SlpHeader;
  readonly functionId: number;
  readonly bodyStart: number;
  readonly bodyEnd: number;
}

/** RFC 1766 as RFC 2608 §8 has it; an empty one is for the receiver to refuse. */
const LANGUAGE_TAG = /^([A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*)?$/;

/**
 * Reads the header of a whole message; bytes behind the length that it says are ignored. Raises SLP_VERSION_UNSUPPORTED,
 * SLP_MESSAGE_INVALID, LAYOUT_TRUNCATED.
 */
export function readHeader(message: Uint8Array): ReadHeader {
  const fixed = HeaderLayout.view(message);
  if (fixed.version !== SLP_VERSION) {
    throw new ProtocolError('SLP_VERSION_UNSUPPORTED', `a message of version ${fixed.version} of SLP`, {
      hint: 'Only version 2 (RFC 2608) is spoken here.',
    });
  }
  const { length, overflow, fresh, requestMulticast, nextExtensionOffset, xid, languageTagLength } = fixed;
  const bodyStart = HeaderLayout.size + languageTagLength;
  // A reply that overflows may have been cut off by a sender that left its length as it was.
  const end = overflow ? Math.min(length, message.length) : length;
  if (end > message.length || bodyStart > end) {
    throw new ProtocolError('SLP_MESSAGE_INVALID', `a message of ${message.length} bytes says that it has ${length}`);
  }
  const bodyEnd = nextExtensionOffset === 0 ? end : nextExtensionOffset;
  if (bodyEnd < bodyStart || bodyEnd > end) {
    throw new ProtocolError('SLP_MESSAGE_INVALID', `an extension at byte ${nextExtensionOffset} of ${end}`);
  }
  const extensions = readExtensions(message.subarray(0, end), nextExtensionOffset);
  const languageTag = readLanguageTag(message.subarray(HeaderLayout.size, bodyStart));
  const header = { xid, languageTag, overflow, fresh, requestMulticast, extensions };
  return { header, functionId: fixed.functionId, bodyStart, bodyEnd };
}

function readLanguageTag(bytes: Uint8Array): string {
  let tag = '\0';
  try {
    tag = decoder.decode(bytes);
  } catch {
    // Judged below.
  }
  if (LANGUAGE_TAG.test(tag)) return tag;
  throw new ProtocolError('SLP_MESSAGE_INVALID', 'the language tag is none');
}
