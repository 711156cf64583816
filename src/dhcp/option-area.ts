/** A run of options on the wire: code, length, value; pad and end (RFC 2132 §3.1, §3.2). Splitting as in RFC 3396. */

import { ProtocolError } from '../bytes/index.ts';
import type { OptionCodec } from './option-codec.ts';
import { encodedLength, endOfOptions, fewBytes, writeOption } from './option-instance.ts';
import { OptionList } from './option-list.ts';

const pad = 0;

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
    if (code === endOfOptions) return;
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

/** The datagram's memory is the socket's to reuse, and a lease keeps its options. */
function copyOf(bytes: Uint8Array, start: number, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  if (length > fewBytes) copy.set(bytes.subarray(start, start + length));
  else for (let index = 0; index < length; index++) copy[index] = bytes[start + index] as number;
  return copy;
}

/** Appends the options of an area to `list`. Raises DHCP_OPTIONS_TRUNCATED when an option leaves the area. */
export function readOptionArea(bytes: Uint8Array, area: OptionArea, list: OptionList): void {
  walk(bytes, area, (code, start, length) => {
    list.append(code, copyOf(bytes, start, length));
  });
}

/** Options inside an option's value (RFC 2132 §8.4): PXE's in 43, iPXE's in 175, a relay agent's in 82. */
export function encapsulated(ending: 'with-end' | 'without-end'): OptionCodec<OptionList> {
  return {
    decode(bytes) {
      const list = new OptionList();
      readOptionArea(bytes, { start: 0, end: bytes.length }, list);
      return list;
    },
    encode(list) {
      const values = [...list];
      const length = values.reduce((sum, [, value]) => sum + encodedLength(value.length), 0);
      const bytes = new Uint8Array(length + (ending === 'with-end' ? 1 : 0));
      let at = 0;
      for (const [code, value] of values) at = writeOption(bytes, at, code, value);
      if (ending === 'with-end') bytes[at] = endOfOptions;
      return bytes;
    },
  };
}
