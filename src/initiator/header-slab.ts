/**
 * Memory for PDU headers. A header must stay as it is until the kernel has taken it, so each gets bytes of its own; carving them from
 * large blocks costs one allocation for hundreds of headers, and a block goes when its last header has left.
 */

import { BASIC_HEADER_LENGTH } from '../iscsi/pdu.ts';

const HEADERS_PER_BLOCK = 256;

export class HeaderSlab {
  #block = new Uint8Array(0);
  #used = 0;

  /** 48 zero bytes that nobody else has. */
  take(): Uint8Array {
    if (this.#used === this.#block.length) {
      this.#block = new Uint8Array(HEADERS_PER_BLOCK * BASIC_HEADER_LENGTH);
      this.#used = 0;
    }
    this.#used += BASIC_HEADER_LENGTH;
    return this.#block.subarray(this.#used - BASIC_HEADER_LENGTH, this.#used);
  }
}
