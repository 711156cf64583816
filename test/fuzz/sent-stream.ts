/**
 * What a target must make of a byte stream, by a second, plainer framing than the one under test: whole PDUs are noted, and how many
 * bytes the last one still needs.
 */

import { readU24 } from '../../src/bytes/index.ts';

const HEADER_LENGTH = 48;

export class SentStream {
  readonly #onHeader: (header: Buffer) => void;
  #digests = { header: 0, data: 0 };
  #bytes = Buffer.alloc(0);

  /** `onHeader` is told each basic header segment as soon as its PDU is whole. */
  constructor(onHeader: (header: Buffer) => void) {
    this.#onHeader = onHeader;
  }

  configure(headerDigest: boolean, dataDigest: boolean): void {
    this.#digests = { header: headerDigest ? 4 : 0, data: dataDigest ? 4 : 0 };
  }

  push(bytes: Uint8Array): void {
    this.#bytes = this.#bytes.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#bytes, bytes]);
    while (this.#bytes.length > 0 && this.missing === 0) {
      const length = this.#length();
      this.#onHeader(this.#bytes.subarray(0, HEADER_LENGTH));
      this.#bytes = this.#bytes.subarray(length);
    }
  }

  /** Bytes until the PDU that has begun is whole, as far as is known; 0 between two PDUs. */
  get missing(): number {
    return this.#bytes.length === 0 ? 0 : Math.max(0, this.#length() - this.#bytes.length);
  }

  #length(): number {
    if (this.#bytes.length < HEADER_LENGTH) return HEADER_LENGTH;
    const head = HEADER_LENGTH + (this.#bytes[4] ?? 0) * 4 + this.#digests.header;
    const data = readU24(this.#bytes, 5);
    return data === 0 ? head : head + data + (-data & 3) + this.#digests.data;
  }
}
