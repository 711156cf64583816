/** The fields of a message's body, one after the other: most are strings behind their length. */

import { ProtocolError, readU16, readU32, writeU16, writeU32 } from '../bytes/index.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

export const LONGEST_STRING = 0xffff;

/** All reading raises SLP_MESSAGE_INVALID where the body ends too early. */
export class FieldReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  u8(): number {
    return this.bytes(1)[0] ?? 0;
  }

  u16(): number {
    return readU16(this.bytes(2), 0);
  }

  u32(): number {
    return readU32(this.bytes(4), 0);
  }

  string(): string {
    return this.text(this.u16());
  }

  text(length: number): string {
    const bytes = this.bytes(length);
    try {
      return decoder.decode(bytes);
    } catch {
      throw new ProtocolError('SLP_MESSAGE_INVALID', 'a string is not UTF-8');
    }
  }

  bytes(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) {
      throw new ProtocolError('SLP_MESSAGE_INVALID', `the body ends ${end - this.#bytes.length} bytes too early`);
    }
    const found = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return found;
  }
}

export class FieldWriter {
  readonly #parts: Uint8Array[] = [];

  u8(value: number): this {
    return this.bytes(Uint8Array.of(value));
  }

  u16(value: number): this {
    const bytes = new Uint8Array(2);
    writeU16(bytes, 0, value);
    return this.bytes(bytes);
  }

  u32(value: number): this {
    const bytes = new Uint8Array(4);
    writeU32(bytes, 0, value);
    return this.bytes(bytes);
  }

  /** Raises SLP_MESSAGE_TOO_LONG. */
  string(value: string): this {
    const bytes = encoder.encode(value);
    if (bytes.length > LONGEST_STRING) {
      throw new ProtocolError('SLP_MESSAGE_TOO_LONG', `a string of ${bytes.length} bytes, "${value.slice(0, 40)}…"`, {
        hint: 'A string of SLP has at most 65535 bytes.',
      });
    }
    return this.u16(bytes.length).bytes(bytes);
  }

  bytes(value: Uint8Array): this {
    this.#parts.push(value);
    return this;
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}
