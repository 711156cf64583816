/**
 * Text Requests in the full feature phase (RFC 7143 §11.10, §11.11): SendTargets (appendix C), and the keys that may still change.
 * Long requests and long answers go over several PDUs.
 */

import { RESERVED_TAG } from '../iscsi/opcode.ts';
import type { TextRequest } from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import { decodeText, encodeText, splitText, TextGatherer, type TextPair } from '../iscsi/text.ts';
import { TextNegotiation } from '../iscsi/text-negotiation.ts';
import type { Endpoint } from '../os/network.ts';
import { PORTAL_GROUP_TAG } from './target.ts';

/** One Text Response to send. */
export interface TextAnswer {
  readonly data: Uint8Array;
  /** The exchange goes on when the initiator asks with this tag; RESERVED_TAG when it is over. */
  readonly targetTransferTag: number;
  /** More of the text follows. */
  readonly continue: boolean;
  /** Bytes of a data segment that the initiator takes once it has this answer, where it has declared that. */
  readonly maxSendDataSegmentLength?: number;
}

/** `names` gives the targets that SendTargets=`which` lists, or undefined when it must be rejected. */
export type ListTargets = (which: string) => Promise<readonly string[] | undefined>;

export class TextExchange {
  readonly #listTargets: ListTargets;
  readonly #portal: Endpoint;
  readonly #limit: () => number;
  readonly #gatherer = new TextGatherer();
  #negotiation = new TextNegotiation('initiator');
  /** The rest of a long answer. */
  #unsent: Uint8Array[] = [];
  /** Of the exchange that goes on; RESERVED_TAG when there is none. */
  #tag = RESERVED_TAG;
  #lastTag = 0;
  /** The initiator wants to end the exchange: the F bit of its last request. */
  #isFinal = false;

  /** `limit` gives the bytes of data that one answer may carry. */
  constructor(listTargets: ListTargets, portal: Endpoint, limit: () => number) {
    this.#listTargets = listTargets;
    this.#portal = portal;
    this.#limit = limit;
  }

  /**
   * The answer to a request; undefined when it must be rejected, which ends the exchange. Rejects with ISCSI_TEXT_MALFORMED,
   * ISCSI_TEXT_TOO_LONG, ISCSI_KEY_REPEATED, or with what `listTargets` raises: the same.
   */
  async receive(header: TextRequest, pdu: Pdu): Promise<TextAnswer | undefined> {
    const { targetTransferTag, final } = header;
    if (targetTransferTag === RESERVED_TAG) this.reset();
    else if (targetTransferTag !== this.#tag) return undefined;
    if (header.continue && final) return undefined;
    this.#isFinal = final;
    if (this.#unsent.length > 0) return this.#nextSegment();
    const whole = this.#gatherer.add(pdu.data, header.continue);
    if (whole === undefined) return this.#goOn(new Uint8Array(0), false);
    const answers = await this.#answer(decodeText(whole));
    if (answers === undefined) return undefined;
    this.#unsent = splitText(encodeText(answers), this.#limit());
    return this.#nextSegment();
  }

  /** Forgets the exchange: a new one begins, or this one has failed. */
  reset(): void {
    this.#gatherer.reset();
    this.#negotiation = new TextNegotiation('initiator');
    this.#unsent = [];
    this.#tag = RESERVED_TAG;
  }

  #nextSegment(): TextAnswer {
    const data = this.#unsent.shift() ?? new Uint8Array(0);
    const more = this.#unsent.length > 0;
    // An answer with the F bit to a request without it is a protocol error (RFC 7143 §11.11.1).
    if (more || !this.#isFinal) return this.#goOn(data, more);
    const { maxRecvDataSegmentLength: maxSendDataSegmentLength } = this.#negotiation;
    this.reset();
    const declared = maxSendDataSegmentLength === undefined ? {} : { maxSendDataSegmentLength };
    return { data, continue: false, targetTransferTag: RESERVED_TAG, ...declared };
  }

  #goOn(data: Uint8Array, more: boolean): TextAnswer {
    this.#lastTag = (this.#lastTag + 1) % RESERVED_TAG;
    this.#tag = this.#lastTag;
    return { data, continue: more, targetTransferTag: this.#tag };
  }

  async #answer(pairs: readonly TextPair[]): Promise<TextPair[] | undefined> {
    const answers: TextPair[] = [];
    for (const pair of pairs) {
      if (pair.key === 'SendTargets') {
        const names = await this.#listTargets(pair.value);
        if (names === undefined) return undefined;
        answers.push(...names.flatMap((name) => this.#describe(name)));
      } else {
        const answer = this.#negotiation.receive(pair);
        if (answer !== undefined) answers.push(answer);
      }
    }
    return answers;
  }

  /** The address is the one that the initiator has reached: behind it, it will reach the target too. */
  #describe(name: string): TextPair[] {
    const { address, port } = this.#portal;
    const host = address.includes(':') ? `[${address}]` : address;
    return [
      { key: 'TargetName', value: name },
      { key: 'TargetAddress', value: `${host}:${port},${PORTAL_GROUP_TAG}` },
    ];
  }
}
