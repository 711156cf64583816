/**
 * Text Requests in the full feature phase (RFC 7143 §11.10, §11.11): SendTargets (appendix C), and the keys that may still change.
 * Long requests and long answers go over several PDUs.
 */

import type { Awaitable } from '../block/device.ts';
import { RESERVED_TAG } from '../iscsi/opcode.ts';
import type { TextRequest } from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import { formatTargetAddress } from '../iscsi/portal-address.ts';
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

/** Gives the targets that SendTargets=`which` lists, or undefined when it must be rejected. */
export type ListTargets = (which: string) => Awaitable<readonly string[] | undefined>;

export interface TextExchangeOptions {
  readonly listTargets: ListTargets;
  /** Where the initiator can reach the targets: the address that it has reached comes first. */
  readonly paths: () => readonly Endpoint[];
  /** Bytes of data that one answer may carry by now. */
  readonly maxSendDataSegmentLength: () => number;
  /** A discovery session takes no other key (RFC 7143 §4.3). */
  readonly onlySendTargets?: boolean;
}

/** One negotiation: requests and responses with one task tag, until both sides set F (RFC 7143 §6.4). */
interface Sequence {
  readonly initiatorTaskTag: number;
  /** The tag of the last response: the next request carries it. */
  targetTransferTag: number;
  readonly gatherer: TextGatherer;
  /** The rest of a long answer. */
  unsent: Uint8Array[];
  readonly negotiation: TextNegotiation;
}

export class TextExchange {
  readonly #options: TextExchangeOptions;
  /** The one that goes on: a connection has one at a time (RFC 7143 §6.2). */
  #sequence: Sequence | undefined;
  #lastTag = 0;

  constructor(options: TextExchangeOptions) {
    this.#options = options;
  }

  /** The answer to a request; undefined when it must be rejected, which ends its sequence. Never raises nor rejects. */
  receive(header: TextRequest, pdu: Pdu): Awaitable<TextAnswer | undefined> {
    const sequence = this.#sequenceOf(header);
    // RFC 7143 §11.10.2
    if (sequence === undefined || (header.continue && header.final)) return undefined;
    try {
      const answer = this.#advance(sequence, header, pdu);
      return answer instanceof Promise ? answer.catch(() => this.#giveUp()) : (answer ?? this.#giveUp());
    } catch {
      return this.#giveUp();
    }
  }

  #giveUp(): undefined {
    this.#sequence = undefined;
  }

  /** The reserved tag begins anew, whatever went before; any other must be that of the last response (RFC 7143 §11.10.4). */
  #sequenceOf({ initiatorTaskTag, targetTransferTag }: TextRequest): Sequence | undefined {
    if (targetTransferTag === RESERVED_TAG) {
      this.#sequence = {
        initiatorTaskTag,
        targetTransferTag,
        gatherer: new TextGatherer(),
        unsent: [],
        negotiation: new TextNegotiation('initiator'),
      };
      return this.#sequence;
    }
    const goesOn =
      this.#sequence?.targetTransferTag === targetTransferTag && this.#sequence.initiatorTaskTag === initiatorTaskTag;
    return goesOn ? this.#sequence : undefined;
  }

  /** Raises ISCSI_TEXT_MALFORMED, ISCSI_TEXT_TOO_LONG, ISCSI_KEY_REPEATED. */
  #advance(sequence: Sequence, header: TextRequest, pdu: Pdu): Awaitable<TextAnswer | undefined> {
    // RFC 7143 §6.2: the rest of an answer is asked for by requests without text.
    if (sequence.unsent.length > 0) return pdu.dataLength === 0 ? this.#nextSegment(sequence, header.final) : undefined;
    const whole = sequence.gatherer.add(pdu.data, header.continue);
    if (whole === undefined) return this.#goOn(sequence, new Uint8Array(0), false);
    const { final } = header;
    const answers = this.#answer(decodeText(whole), sequence.negotiation);
    if (answers instanceof Promise) return answers.then((later) => this.#send(sequence, later, final));
    return this.#send(sequence, answers, final);
  }

  #send(sequence: Sequence, answers: readonly TextPair[] | undefined, final: boolean): TextAnswer | undefined {
    if (answers === undefined) return this.#giveUp();
    sequence.unsent = splitText(encodeText(answers), this.#options.maxSendDataSegmentLength());
    return this.#nextSegment(sequence, final);
  }

  /** F answers F, once all has been sent (RFC 7143 §11.11.1). */
  #nextSegment(sequence: Sequence, final: boolean): TextAnswer {
    const data = sequence.unsent.shift() ?? new Uint8Array(0);
    const more = sequence.unsent.length > 0;
    if (more || !final) return this.#goOn(sequence, data, more);
    this.#sequence = undefined;
    const { maxRecvDataSegmentLength: maxSendDataSegmentLength } = sequence.negotiation;
    const declared = maxSendDataSegmentLength === undefined ? {} : { maxSendDataSegmentLength };
    return { data, continue: false, targetTransferTag: RESERVED_TAG, ...declared };
  }

  #goOn(sequence: Sequence, data: Uint8Array, more: boolean): TextAnswer {
    this.#lastTag = (this.#lastTag + 1) % RESERVED_TAG;
    sequence.targetTransferTag = this.#lastTag;
    return { data, continue: more, targetTransferTag: this.#lastTag };
  }

  /** Undefined when the request must be rejected. */
  #answer(pairs: readonly TextPair[], negotiation: TextNegotiation): Awaitable<readonly TextPair[] | undefined> {
    const answers: TextPair[] = [];
    const takeAnswer = (answer: TextPair | undefined): void => {
      if (answer !== undefined) answers.push(answer);
    };
    let listed: Awaitable<readonly string[] | undefined> = [];
    for (const pair of pairs) {
      if (pair.key === 'SendTargets') listed = this.#options.listTargets(pair.value);
      else if (this.#options.onlySendTargets === true) return undefined;
      else takeAnswer(negotiation.receive(pair));
    }
    const whole = (names: readonly string[] | undefined): readonly TextPair[] | undefined =>
      names === undefined ? undefined : [...this.#describe(names), ...answers];
    return listed instanceof Promise ? listed.then(whole) : whole(listed);
  }

  /** Records of RFC 7143 appendix C. */
  #describe(names: readonly string[]): TextPair[] {
    const addresses = this.#options.paths().map(({ address, port }) => {
      return { key: 'TargetAddress', value: `${formatTargetAddress(address, port)},${PORTAL_GROUP_TAG}` };
    });
    return names.flatMap((name) => [{ key: 'TargetName', value: name }, ...addresses]);
  }
}
