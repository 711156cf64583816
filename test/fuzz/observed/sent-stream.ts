/**
 * What a target must make of a byte stream, by a second, plainer framing than the one under test: heads and whole PDUs are noted with
 * what their digests say, and how many bytes the last one still needs.
 */

import { crc32c, readU24 } from '../../../src/bytes/index.ts';

const HEADER_LENGTH = 48;

export interface SentStreamListener {
  /** Basic and additional headers and their digest are there. */
  head(header: Buffer, isSound: boolean): void;
  /** The data and its digest are there too. `isSound`: both digests match. */
  whole(header: Buffer, ahs: Buffer, isSound: boolean): void;
}

export class SentStream {
  readonly #listener: SentStreamListener;
  #digests = { header: 0, data: 0 };
  #bytes = Buffer.alloc(0);
  /** Whether the digest of the head matches; undefined while it is not all there. */
  #isHeadSound: boolean | undefined;

  constructor(listener: SentStreamListener) {
    this.#listener = listener;
  }

  configure(headerDigest: boolean, dataDigest: boolean): void {
    this.#digests = { header: headerDigest ? 4 : 0, data: dataDigest ? 4 : 0 };
  }

  push(bytes: Uint8Array): void {
    this.#bytes = this.#bytes.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#bytes, bytes]);
    while (this.#bytes.length >= HEADER_LENGTH) {
      const header = this.#bytes.subarray(0, HEADER_LENGTH);
      const headLength = this.#headLength();
      if (this.#isHeadSound === undefined && this.#bytes.length >= headLength) {
        this.#isHeadSound = this.#matches(0, headLength - this.#digests.header, this.#digests.header);
        this.#listener.head(header, this.#isHeadSound);
      }
      if (this.missing > 0) return;
      const { data } = this.#digests;
      const length = this.#length();
      const isDataSound = length === headLength || this.#matches(headLength, length - headLength - data, data);
      const ahs = this.#bytes.subarray(HEADER_LENGTH, headLength - this.#digests.header);
      this.#listener.whole(header, ahs, this.#isHeadSound === true && isDataSound);
      this.#isHeadSound = undefined;
      this.#bytes = this.#bytes.subarray(length);
    }
  }

  /** Bytes until the PDU that has begun is whole, as far as is known; 0 between two PDUs. */
  get missing(): number {
    return this.#bytes.length === 0 ? 0 : Math.max(0, this.#length() - this.#bytes.length);
  }

  #headLength(): number {
    return HEADER_LENGTH + (this.#bytes[4] ?? 0) * 4 + this.#digests.header;
  }

  #length(): number {
    if (this.#bytes.length < HEADER_LENGTH) return HEADER_LENGTH;
    const data = readU24(this.#bytes, 5);
    return this.#headLength() + (data === 0 ? 0 : data + (-data & 3) + this.#digests.data);
  }

  /** Whether a run is followed by its digest; so is every run where there is none. */
  #matches(start: number, length: number, digestLength: number): boolean {
    if (digestLength === 0) return true;
    return crc32c(this.#bytes.subarray(start, start + length)) === this.#bytes.readUInt32LE(start + length);
  }
}
