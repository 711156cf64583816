/**
 * Headers for what a connection sends. One that has been written must not change before the kernel has it; when a connection has
 * nothing left to send, its page of them is there to be filled again, by whichever connection sends next: no object is made for a PDU,
 * and what is written to has just been in the processor's cache, however many connections there are.
 */

// The global of this name is an accessor, which would be called for each READ.
import { Buffer } from 'node:buffer';
import { BASIC_HEADER_LENGTH } from '../iscsi/pdu.ts';

/** Of a page: as many as one share of a turn sends, and some. */
const COUNT = 64;

/** Pages that are kept for whoever sends next. More of them are only in use while sockets are full. */
const SPARE_LIMIT = 16;

interface Page {
  readonly memory: Uint8Array;
  /** Parts of the memory, each made when it is first wanted. */
  readonly headers: Buffer[];
}

/** The one that was used last is the last. All of their bytes are zero. */
const spare: Page[] = [];

export class HeaderSlab {
  #page: Page | undefined;
  #used = 0;

  /** 48 zero bytes. */
  take(): Buffer {
    // The kernel does not have those of a page that is full: they are left to the collector.
    const page = this.#page !== undefined && this.#used < COUNT ? this.#page : this.#turnPage();
    const place = this.#used++;
    const known = page.headers[place];
    if (known !== undefined) return known;
    // A Buffer, as a socket would make one of anything else.
    const header = Buffer.from(page.memory.buffer, place * BASIC_HEADER_LENGTH, BASIC_HEADER_LENGTH);
    page.headers.push(header);
    return header;
  }

  #turnPage(): Page {
    const page = spare.pop() ?? { memory: new Uint8Array(COUNT * BASIC_HEADER_LENGTH), headers: [] };
    this.#page = page;
    this.#used = 0;
    return page;
  }

  /** The kernel has all that were taken. */
  reuse(): void {
    const page = this.#page;
    if (page === undefined) return;
    this.#page = undefined;
    if (spare.length === SPARE_LIMIT) return;
    page.memory.fill(0, 0, this.#used * BASIC_HEADER_LENGTH);
    spare.push(page);
  }
}
