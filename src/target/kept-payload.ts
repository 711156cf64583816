/**
 * What a connection keeps of its PDUs to send them again, within a bound: what was sent first is given up first. The PDUs are linked
 * in the order in which they were sent, so that any of them leaves without a search.
 */

import { totalLength } from '../bytes/index.ts';

/** Bytes of payload, and of what a PDU takes beside it. */
const LIMIT = 16 << 20;

/** Its header, and what remembers it. */
const OVERHEAD = 256;

/** A PDU that is to be sent again. */
export interface SentPdu {
  readonly header: Uint8Array;
  readonly data: readonly Uint8Array[];
}

/** A PDU that may have to be sent again. */
export class KeptPdu {
  readonly header: Uint8Array;
  /** Undefined when it has been given up, or need not be sent again. */
  data: readonly Uint8Array[] | undefined;
  readonly bytes: number;
  /** Its buffers hold nothing but what is kept. */
  isOwn = false;
  before: KeptPdu | undefined;
  after: KeptPdu | undefined;

  constructor(header: Uint8Array, data: readonly Uint8Array[]) {
    this.header = header;
    this.data = data;
    this.bytes = OVERHEAD + totalLength(data);
  }

  /** Copies the payload: as it came, it keeps the whole buffer of which it is a piece. */
  own(): void {
    if (this.data !== undefined && !this.isOwn) this.data = [Buffer.concat(this.data)];
    this.isOwn = true;
  }
}

export class KeptPayload {
  readonly #onGivenUp: (pdu: KeptPdu) => void;
  #first: KeptPdu | undefined;
  #last: KeptPdu | undefined;
  #bytes = 0;

  /** `onGivenUp` is called when a PDU has lost its payload to a later one's. */
  constructor(onGivenUp: (pdu: KeptPdu) => void) {
    this.#onGivenUp = onGivenUp;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(pdu: KeptPdu): void {
    pdu.before = this.#last;
    if (this.#last === undefined) this.#first = pdu;
    else this.#last.after = pdu;
    this.#last = pdu;
    this.#bytes += pdu.bytes;
    for (let first = this.#first; first !== undefined && this.#bytes > LIMIT; first = this.#first) {
      this.remove(first);
      this.#onGivenUp(first);
    }
  }

  /** It need not be sent again; nothing happens when it has left already. */
  remove(pdu: KeptPdu): void {
    const { before, after } = pdu;
    if (pdu.data === undefined || (before === undefined && this.#first !== pdu)) return;
    pdu.data = undefined;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    pdu.before = undefined;
    pdu.after = undefined;
    this.#bytes -= pdu.bytes;
  }
}
