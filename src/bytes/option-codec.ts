/** How the values of options are written in protocols that have them as bytes with a length: the shapes that all of them use. */

import type { ProtocolError } from './error.ts';
import { readU16, readU32, writeU16, writeU32 } from './layout.ts';

export interface OptionCodec<T> {
  decode(bytes: Uint8Array): T;
  encode(value: T): Uint8Array;
}

/** Numbers and lists of them, high byte first. What is malformed raises the error that `invalid` makes of a description. */
export function numberCodecs(invalid: (what: string) => ProtocolError) {
  function expectLength(bytes: Uint8Array, length: number): void {
    if (bytes.length !== length) throw invalid(`${bytes.length} bytes where ${length} belong`);
  }

  /** A list of `size`-byte items, at least one. */
  function expectItems(bytes: Uint8Array, size: number): number {
    if (bytes.length === 0 || bytes.length % size !== 0) {
      throw invalid(`${bytes.length} bytes are no list of ${size}-byte items`);
    }
    return bytes.length / size;
  }

  const u8Value: OptionCodec<number> = {
    decode(bytes) {
      expectLength(bytes, 1);
      return bytes[0] as number;
    },
    encode: (value) => Uint8Array.of(value),
  };

  const u16Value: OptionCodec<number> = {
    decode(bytes) {
      expectLength(bytes, 2);
      return readU16(bytes, 0);
    },
    encode(value) {
      const bytes = new Uint8Array(2);
      writeU16(bytes, 0, value);
      return bytes;
    },
  };

  const u32Value: OptionCodec<number> = {
    decode(bytes) {
      expectLength(bytes, 4);
      return readU32(bytes, 0);
    },
    encode(value) {
      const bytes = new Uint8Array(4);
      writeU32(bytes, 0, value);
      return bytes;
    },
  };

  const u16List: OptionCodec<readonly number[]> = {
    decode: (bytes) => Array.from({ length: expectItems(bytes, 2) }, (_, index) => readU16(bytes, index * 2)),
    encode(value) {
      const bytes = new Uint8Array(value.length * 2);
      for (const [index, item] of value.entries()) writeU16(bytes, index * 2, item);
      return bytes;
    },
  };

  return { expectLength, expectItems, u8Value, u16Value, u32Value, u16List };
}
