/**
 * Text Requests in the full feature phase (RFC 7143 §11.10, §11.11), of which SendTargets is the one in use (appendix C). Long
 * requests and long answers go over several PDUs.
 */

import { Answer, isKeyName } from '../iscsi/keys.ts';
import { RESERVED_TAG } from '../iscsi/opcode.ts';
import type { TextRequest } from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import { decodeText, encodeText, splitText, TextGatherer, type TextPair } from '../iscsi/text.ts';
import type { Endpoint } from '../os/network.ts';
import { PORTAL_GROUP_TAG } from './target.ts';

/** One Text Response to send. */
export interface TextAnswer {
  readonly data: Uint8Array;
  /** More of the text follows when the initiator asks with this tag; RESERVED_TAG when it is whole. */
  readonly targetTransferTag: number;
  readonly continue: boolean;
}

/** `names` gives the targets that SendTargets=`which` lists, or undefined when it must be rejected. */
export type ListTargets = (which: string) => Promise<readonly string[] | undefined>;

export class TextExchange {
  readonly #listTargets: ListTargets;
  readonly #portal: Endpoint;
  readonly #maxSendDataSegmentLength: number;
  readonly #gatherer = new TextGatherer();
  /** The rest of a long answer, and the tag by which it is asked for. */
  #unsent: Uint8Array[] = [];
  #tag = 0;

  constructor(listTargets: ListTargets, portal: Endpoint, maxSendDataSegmentLength: number) {
    this.#listTargets = listTargets;
    this.#portal = portal;
    this.#maxSendDataSegmentLength = maxSendDataSegmentLength;
  }

  /**
   * The answer to a request; undefined when it must be rejected. Rejects with ISCSI_TEXT_MALFORMED, ISCSI_TEXT_TOO_LONG, or with
   * what `listTargets` raises.
   */
  async receive(header: TextRequest, pdu: Pdu): Promise<TextAnswer | undefined> {
    if (header.targetTransferTag !== RESERVED_TAG) {
      const asksForRest = header.targetTransferTag === this.#tag && (this.#unsent.length > 0 || this.#gatherer.pending);
      if (!asksForRest) return undefined;
      if (this.#unsent.length > 0) return this.#nextSegment();
    } else {
      this.#gatherer.reset();
      this.#unsent = [];
    }
    const whole = this.#gatherer.add(pdu.data, header.continue);
    if (whole === undefined) return { data: new Uint8Array(0), targetTransferTag: this.#newTag(), continue: false };
    const answers = await this.#answer(decodeText(whole));
    if (answers === undefined) return undefined;
    this.#unsent = splitText(encodeText(answers), this.#maxSendDataSegmentLength);
    return this.#nextSegment();
  }

  #nextSegment(): TextAnswer {
    const data = this.#unsent.shift() ?? new Uint8Array(0);
    const more = this.#unsent.length > 0;
    return { data, continue: more, targetTransferTag: more ? this.#newTag() : RESERVED_TAG };
  }

  #newTag(): number {
    this.#tag = (this.#tag + 1) % RESERVED_TAG;
    return this.#tag;
  }

  async #answer(pairs: readonly TextPair[]): Promise<TextPair[] | undefined> {
    const answers: TextPair[] = [];
    for (const { key, value } of pairs) {
      if (key === 'SendTargets') {
        const names = await this.#listTargets(value);
        if (names === undefined) return undefined;
        answers.push(...names.flatMap((name) => this.#describe(name)));
      } else {
        // Operational keys are settled by the login; only declarations could change later, and none of ours does.
        answers.push({ key, value: isKeyName(key) ? Answer.reject : Answer.notUnderstood });
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
