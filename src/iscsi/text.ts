/**
 * The text format of login and text PDUs (RFC 7143 §6.1): `key=value` pairs in UTF-8, each ended by one NUL. Order and unknown keys
 * are kept.
 */

import { ProtocolError } from '../bytes/index.ts';

export interface TextPair {
  readonly key: string;
  readonly value: string;
}

/** A key is at most 63 characters (RFC 7143 §6.1). */
const MAX_KEY_LENGTH = 63;
const keyPattern = /^[A-Za-z][A-Za-z0-9.+@_#-]*$/;

const decoder = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();

/** Raises ISCSI_TEXT_MALFORMED. NULs that pad the end are skipped. */
export function decodeText(data: Uint8Array): TextPair[] {
  let text: string;
  try {
    text = decoder.decode(data);
  } catch (cause) {
    throw new ProtocolError('ISCSI_TEXT_MALFORMED', 'a text segment is not UTF-8', { cause });
  }
  const pairs: TextPair[] = [];
  for (const item of text.split('\0')) {
    if (item === '') continue;
    const equals = item.indexOf('=');
    const key = equals < 0 ? item : item.slice(0, equals);
    if (equals < 0 || key.length > MAX_KEY_LENGTH || !keyPattern.test(key)) {
      throw new ProtocolError('ISCSI_TEXT_MALFORMED', `"${item.slice(0, 80)}" is not a key=value pair`);
    }
    pairs.push({ key, value: item.slice(equals + 1) });
  }
  return pairs;
}

export function encodeText(pairs: readonly TextPair[]): Uint8Array {
  return encoder.encode(pairs.map(({ key, value }) => `${key}=${value}\0`).join(''));
}

/**
 * Cuts a long text into data segments of at most `limit` bytes. A pair may straddle two segments: the continue bit of all but the
 * last tells the other side to wait (RFC 7143 §6.2).
 */
export function splitText(text: Uint8Array, limit: number): Uint8Array[] {
  if (text.length <= limit) return [text];
  const segments: Uint8Array[] = [];
  for (let at = 0; at < text.length; at += limit) segments.push(text.subarray(at, at + limit));
  return segments;
}

/** Gathers the segments of a text that continues over several PDUs, up to a bound. */
export class TextGatherer {
  readonly #limit: number;
  /** Its first `#length` bytes are the text so far. A copy: a segment would keep all that the socket has read along with it. */
  #text = new Uint8Array(0);
  #length = 0;

  /** `limit`: bytes of one whole text. 64 KiB is the least that RFC 7143 §6.1 asks for in the operational stage. */
  constructor(limit = 65_536) {
    this.#limit = limit;
  }

  /** The whole text once `more` is false. Raises ISCSI_TEXT_TOO_LONG. */
  add(data: readonly Uint8Array[], more: boolean): Uint8Array | undefined {
    for (const part of data) {
      if (this.#length + part.length > this.#limit) {
        this.reset();
        throw new ProtocolError('ISCSI_TEXT_TOO_LONG', `a text of more than ${this.#limit} bytes`);
      }
      this.#append(part);
    }
    if (more) return undefined;
    const whole = this.#text.subarray(0, this.#length);
    this.reset();
    return whole;
  }

  #append(part: Uint8Array): void {
    const length = this.#length + part.length;
    if (length > this.#text.length) {
      // Twice as much each time: a text that comes byte by byte is not copied as often as that.
      const larger = new Uint8Array(Math.min(this.#limit, Math.max(length, 2 * this.#length)));
      larger.set(this.#text);
      this.#text = larger;
    }
    this.#text.set(part, this.#length);
    this.#length = length;
  }

  /** Something has been gathered that is not complete. */
  get pending(): boolean {
    return this.#length > 0;
  }

  reset(): void {
    this.#text = new Uint8Array(0);
    this.#length = 0;
  }
}
