/**
 * A request to everybody, repeated with the list of those that have answered until nobody else does: multicast convergence
 * (RFC 2608 §6.3).
 */

import type { AttributeRequest, ServiceRequest, ServiceTypeRequest } from './body.ts';
import type { SlpDatagram, SlpEndpoint } from './endpoint.ts';
import { answerTo, type Exchange } from './exchange.ts';
import { slpHeader } from './header.ts';
import { encodeMessage, type SlpMessage } from './message.ts';
import { DATAGRAM_LENGTH, type SlpTiming } from './protocol.ts';

export interface MulticastRequest {
  readonly xid: number;
  readonly languageTag: string;
  readonly body: ServiceRequest | AttributeRequest | ServiceTypeRequest;
}

export interface MulticastAnswer {
  readonly message: SlpMessage;
  readonly from: SlpEndpoint;
}

export interface MulticastOptions {
  /** The groups, of IPv6 those of narrower scopes first. */
  readonly to: readonly SlpEndpoint[];
  readonly timing: SlpTiming;
  /** Whether no more are waited for after an answer (RFC 2608 §6.3). */
  readonly isEnough?: (answer: MulticastAnswer) => boolean;
  /** Answers of more agents than these are not waited for. Default 256. */
  readonly mostAnswers?: number;
}

export class MulticastExchange implements Exchange {
  readonly #request: MulticastRequest;
  readonly #options: MulticastOptions;
  readonly #answers = new Map<string, MulticastAnswer>();
  #interval: number;
  /** Whether somebody answered since the last time that it was sent. */
  #wasHeard = false;
  #nextSend = 0;
  #end = 0;
  #isOver = false;

  constructor(request: MulticastRequest, options: MulticastOptions) {
    this.#request = request;
    this.#options = options;
    this.#interval = options.timing.retry;
  }

  /** One of each agent, in the order they came. */
  get answers(): readonly MulticastAnswer[] {
    return [...this.#answers.values()];
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get deadline(): number | undefined {
    return this.#isOver ? undefined : Math.min(this.#nextSend, this.#end);
  }

  start(now: number): readonly SlpDatagram[] {
    this.#end = now + this.#options.timing.multicastMax;
    return this.#send(now);
  }

  receive(data: Uint8Array, from: SlpEndpoint): readonly SlpDatagram[] {
    if (this.#isOver || this.#answers.has(from.address)) return [];
    const message = answerTo(this.#message(), data);
    if (message === undefined) return [];
    const answer = { message, from };
    this.#answers.set(from.address, answer);
    this.#wasHeard = true;
    const { isEnough, mostAnswers = 256 } = this.#options;
    if (isEnough?.(answer) === true || this.#answers.size >= mostAnswers) this.#isOver = true;
    return [];
  }

  poll(now: number): readonly SlpDatagram[] {
    if (this.#isOver || now < (this.deadline ?? 0)) return [];
    const hasConverged = this.#answers.size > 0 && !this.#wasHeard;
    if (hasConverged || now >= this.#end) {
      this.#isOver = true;
      return [];
    }
    return this.#send(now);
  }

  #send(now: number): readonly SlpDatagram[] {
    const data = encodeMessage(this.#message());
    // The list of those that have answered has no room any more (§8.1).
    if (data.length > DATAGRAM_LENGTH) {
      this.#isOver = true;
      return [];
    }
    this.#nextSend = now + this.#interval;
    this.#interval *= 2;
    this.#wasHeard = false;
    return this.#options.to.map((to) => ({ data, to }));
  }

  #message(): SlpMessage {
    const { xid, languageTag, body } = this.#request;
    const header = slpHeader({ xid, languageTag, requestMulticast: true });
    return { header, body: { ...body, previousResponders: [...this.#answers.keys()] } };
  }
}
