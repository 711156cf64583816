/** Block addresses of eight bytes. */

import { type Field, readU32, writeU32 } from '../bytes/index.ts';

/**
 * An eight-byte block address as a number. Exact below 2^53; above, it may round, but stays far behind the end of any device
 * (whose size in bytes is below 2^53), which is all that the range check asks. A bigint for each READ(16) would cost more than
 * the rest of its decoding.
 */
export function blockAddress64(offset: number): Field<number> {
  return {
    offset,
    length: 8,
    read: (from, at) => readU32(from, at + offset) * 0x1_0000_0000 + readU32(from, at + offset + 4),
    write: (into, at, value) => {
      writeU32(into, at + offset, Math.floor(value / 0x1_0000_0000));
      writeU32(into, at + offset + 4, value % 0x1_0000_0000);
    },
  };
}
