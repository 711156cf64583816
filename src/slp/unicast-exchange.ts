/** A request to one agent, repeated until it answers (RFC 2608 §6.3, §12.3). */

import type { SlpDatagram, SlpEndpoint } from './endpoint.ts';
import { answerTo, type Exchange } from './exchange.ts';
import { encodeMessage, type SlpMessage } from './message.ts';
import { DATAGRAM_LENGTH, type SlpTiming } from './protocol.ts';

export type UnicastOutcome =
  | { readonly kind: 'answer'; readonly message: SlpMessage }
  /** The request, or what it is answered with, is for TCP: the same request, with the same XID. */
  | { readonly kind: 'too-long' }
  | { readonly kind: 'silence' };

export class UnicastExchange implements Exchange {
  readonly #request: SlpMessage;
  readonly #bytes: Uint8Array;
  readonly #to: SlpEndpoint;
  readonly #timing: SlpTiming;
  #outcome: UnicastOutcome | undefined;
  #interval: number;
  #nextSend = 0;
  #end = 0;

  /** Raises SLP_MESSAGE_TOO_LONG. */
  constructor(request: SlpMessage, to: SlpEndpoint, timing: SlpTiming) {
    this.#request = request;
    this.#bytes = encodeMessage(request);
    this.#to = to;
    this.#timing = timing;
    this.#interval = timing.retry;
  }

  /** What is sent, for TCP as well. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get outcome(): UnicastOutcome | undefined {
    return this.#outcome;
  }

  get isOver(): boolean {
    return this.#outcome !== undefined;
  }

  get deadline(): number | undefined {
    return this.isOver ? undefined : Math.min(this.#nextSend, this.#end);
  }

  start(now: number): readonly SlpDatagram[] {
    if (this.#bytes.length > DATAGRAM_LENGTH) {
      this.#outcome = { kind: 'too-long' };
      return [];
    }
    this.#end = now + this.#timing.retryMax;
    return this.#send(now);
  }

  receive(data: Uint8Array, from: SlpEndpoint): readonly SlpDatagram[] {
    if (this.isOver || from.address !== this.#to.address) return [];
    const message = answerTo(this.#request, data);
    if (message !== undefined)
      this.#outcome = message.header.overflow ? { kind: 'too-long' } : { kind: 'answer', message };
    return [];
  }

  /** What came over a connection: it is as long as it need be. */
  receiveByTcp(data: Uint8Array): void {
    const message = answerTo(this.#request, data);
    if (message !== undefined) this.#outcome = { kind: 'answer', message };
  }

  poll(now: number): readonly SlpDatagram[] {
    if (this.isOver || now < (this.deadline ?? 0)) return [];
    if (now < this.#end) return this.#send(now);
    this.#outcome = { kind: 'silence' };
    return [];
  }

  #send(now: number): readonly SlpDatagram[] {
    this.#nextSend = now + this.#interval;
    this.#interval *= 2;
    return [{ data: this.#bytes, to: this.#to }];
  }
}
