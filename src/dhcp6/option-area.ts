/** A run of options on the wire: code, length, value (RFC 8415 §21.1). The same form stands in messages and inside other options. */

import { layout, ProtocolError, readU16, u16 } from '../bytes/index.ts';
import { OptionList } from './option-list.ts';

const OptionHeader = layout('DHCPv6 option', 4, { code: u16(0), length: u16(2) });

/** Raises DHCP6_OPTIONS_TRUNCATED when an option leaves the area. The values are copies: sockets may reuse their buffers. */
export function readOptions(area: Uint8Array, start = 0): OptionList {
  const list = new OptionList();
  let at = start;
  while (at < area.length) {
    const valueAt = at + OptionHeader.size;
    const end = valueAt <= area.length ? valueAt + readU16(area, at + 2) : Number.POSITIVE_INFINITY;
    if (end > area.length) {
      throw new ProtocolError('DHCP6_OPTIONS_TRUNCATED', `an option at byte ${at} ends after the ${area.length} bytes`);
    }
    list.appendRaw(readU16(area, at), area.slice(valueAt, end));
    at = end;
  }
  return list;
}

/** Bytes that the options take. */
export function optionsLength(list: OptionList): number {
  let length = 0;
  for (const [, value] of list) length += OptionHeader.size + value.length;
  return length;
}

/** Writes the options from `start` on; there must be room for `optionsLength`. */
export function writeOptions(into: Uint8Array, start: number, list: OptionList): void {
  let at = start;
  for (const [code, value] of list) {
    OptionHeader.write(into, at, { code, length: value.length });
    into.set(value, at + OptionHeader.size);
    at += OptionHeader.size + value.length;
  }
}
