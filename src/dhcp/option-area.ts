/** A run of options on the wire: code, length, value; pad and end (RFC 2132 §3.1, §3.2). Splitting as in RFC 3396. */

import { ProtocolError } from '../bytes/index.ts';
import type { OptionCodec } from './option-codec.ts';
import { OptionList } from './option-list.ts';

const pad = 0;
const end = 255;
const longestInstance = 255;

/** Where one instance of an option has its value, in the bytes that were walked. */
export interface OptionPlace {
  readonly code: number;
  /** First byte of the value. */
  readonly start: number;
  readonly length: number;
}

/** A run of options: from `start` up to `end`. */
export interface OptionArea {
  readonly start: number;
  readonly end: number;
}

/** Calls `visit` for each instance of an option in the area. Raises DHCP_OPTIONS_TRUNCATED when an option leaves the area. */
function walk(bytes: Uint8Array, area: OptionArea, visit: (code: number, start: number, length: number) => void): void {
  let at = area.start;
  while (at < area.end) {
    const code = bytes[at] as number;
    if (code === end) return;
    if (code === pad) {
      at++;
      continue;
    }
    const length = at + 1 < area.end ? (bytes[at + 1] as number) : area.end;
    if (at + 2 + length > area.end) {
      const what = `option ${code} ends after its field of ${area.end - area.start} bytes`;
      throw new ProtocolError('DHCP_OPTIONS_TRUNCATED', what);
    }
    visit(code, at + 2, length);
    at += 2 + length;
  }
}

/** Every instance of an option in the area. Raises DHCP_OPTIONS_TRUNCATED. */
export function locateOptions(bytes: Uint8Array, area: OptionArea): OptionPlace[] {
  const places: OptionPlace[] = [];
  walk(bytes, area, (code, start, length) => places.push({ code, start, length }));
  return places;
}

/** Appends the area's options to `list`. Raises DHCP_OPTIONS_TRUNCATED when an option leaves the area. */
export function readOptionArea(area: Uint8Array, list: OptionList): void {
  walk(area, { start: 0, end: area.length }, (code, start, length) => {
    // A copy, which `slice` of a socket's Buffer is not: the datagram's memory is the socket's to reuse, a lease keeps its options.
    list.append(code, new Uint8Array(area.subarray(start, start + length)));
  });
}

/** Bytes that a value of `length` bytes takes: two more for each instance of at most 255. */
export function encodedLength(length: number): number {
  return length <= longestInstance ? length + 2 : length + 2 * Math.ceil(length / longestInstance);
}

/** Writes one option at `at` in as many instances as it needs; gives the first byte after it. */
export function writeOption(into: Uint8Array, at: number, code: number, value: Uint8Array): number {
  if (value.length <= longestInstance) {
    into[at] = code;
    into[at + 1] = value.length;
    // Most values are of a few bytes, for which a call costs more than the bytes.
    if (value.length > 16) into.set(value, at + 2);
    else for (let index = 0; index < value.length; index++) into[at + 2 + index] = value[index] as number;
    return at + 2 + value.length;
  }
  let from = 0;
  let position = at;
  do {
    const piece = value.subarray(from, from + longestInstance);
    into[position] = code;
    into[position + 1] = piece.length;
    into.set(piece, position + 2);
    position += 2 + piece.length;
    from += piece.length;
  } while (from < value.length);
  return position;
}

/** Options inside an option's value (RFC 2132 §8.4): PXE's in 43, iPXE's in 175, a relay agent's in 82. */
export function encapsulated(ending: 'with-end' | 'without-end'): OptionCodec<OptionList> {
  return {
    decode(bytes) {
      const list = new OptionList();
      readOptionArea(bytes, list);
      return list;
    },
    encode(list) {
      const values = [...list];
      const length = values.reduce((sum, [, value]) => sum + encodedLength(value.length), 0);
      const bytes = new Uint8Array(length + (ending === 'with-end' ? 1 : 0));
      let at = 0;
      for (const [code, value] of values) at = writeOption(bytes, at, code, value);
      if (ending === 'with-end') bytes[at] = end;
      return bytes;
    },
  };
}
