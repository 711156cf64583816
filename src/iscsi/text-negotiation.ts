/**
 * Keys in the full feature phase (RFC 7143 §6.4): one sequence of Text Requests and Responses, from the point of view of the side
 * that takes them. Of all operational keys only MaxRecvDataSegmentLength may still change there (§13, "use: ALL").
 */

import { ProtocolError } from '../bytes/index.ts';
import { Answer, isKeyName, type KeyRule, keyRules, withdrawnKeys } from './keys.ts';
import { parseNumericalValue } from './numerical-value.ts';
import type { TextPair } from './text.ts';

export class TextNegotiation {
  readonly #sender: 'initiator' | 'target';
  readonly #seen = new Set<string>();
  #maxRecvDataSegmentLength: number | undefined;

  /** `sender` is the other side. */
  constructor(sender: 'initiator' | 'target') {
    this.#sender = sender;
  }

  /** What the other side has declared; it holds once the sequence has ended (RFC 7143 §6.4). */
  get maxRecvDataSegmentLength(): number | undefined {
    return this.#maxRecvDataSegmentLength;
  }

  /** Takes a key of the other side, and gives the answer where one is due. Raises ISCSI_KEY_REPEATED. */
  receive({ key, value }: TextPair): TextPair | undefined {
    if (this.#seen.has(key)) {
      throw new ProtocolError('ISCSI_KEY_REPEATED', `${key} was sent twice in one negotiation`);
    }
    this.#seen.add(key);
    const withdrawn = withdrawnKeys.get(key);
    if (withdrawn !== undefined) return { key, value: withdrawn };
    if (!isKeyName(key)) return { key, value: Answer.notUnderstood };
    const rule: KeyRule = keyRules[key];
    const isAllowed = rule.use === 'ALL' && (rule.senders === 'both' || rule.senders === this.#sender);
    if (!isAllowed) return { key, value: Answer.reject };
    return rule.value.kind === 'number' ? this.#declare(key, value, rule.value) : undefined;
  }

  #declare(key: string, value: string, bounds: { minimum: number; maximum: number }): TextPair | undefined {
    const declared = parseNumericalValue(value, bounds.minimum, bounds.maximum);
    if (declared === undefined) return { key, value: Answer.reject };
    this.#maxRecvDataSegmentLength = declared;
    return undefined;
  }
}
