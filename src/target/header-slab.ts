/**
 * Headers for what a connection sends. One that has been written must not change before the kernel has it; when the connection has
 * nothing left to send, all of them are there to be filled again, and no object is made for a PDU.
 */

// The global of this name is an accessor, which would be called for each READ.
import { Buffer } from 'node:buffer';
import { BASIC_HEADER_LENGTH } from '../iscsi/pdu.ts';

/** As many as one share of a turn sends, and some. */
const COUNT = 64;

export class HeaderSlab {
  #memory = new Uint8Array(0);
  /** Parts of the memory, each made when it is first wanted. */
  #headers: Buffer[] = [];
  #used = 0;

  /** 48 zero bytes. */
  take(): Buffer {
    // The kernel does not have those before: they are left to the collector.
    if (this.#used === COUNT || this.#memory.length === 0) this.#renew();
    const place = this.#used++;
    const known = this.#headers[place];
    if (known !== undefined) return known;
    // A Buffer, as a socket would make one of anything else.
    const header = Buffer.from(this.#memory.buffer, place * BASIC_HEADER_LENGTH, BASIC_HEADER_LENGTH);
    this.#headers.push(header);
    return header;
  }

  #renew(): void {
    this.#memory = new Uint8Array(COUNT * BASIC_HEADER_LENGTH);
    this.#headers = [];
    this.#used = 0;
  }

  /** The kernel has all that were taken. */
  reuse(): void {
    this.#memory.fill(0, 0, this.#used * BASIC_HEADER_LENGTH);
    this.#used = 0;
  }
}
