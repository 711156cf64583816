/** What may still be negotiated when the login is over (RFC 7143 §6.4): how long data segments may be, in either direction. */

import { Answer } from '../iscsi/keys.ts';
import { decodeText, encodeText } from '../iscsi/text.ts';
import { TextNegotiation } from '../iscsi/text-negotiation.ts';

const KEY = 'MaxRecvDataSegmentLength';

export interface Renegotiated {
  /** What this side has declared now holds. */
  readonly isAccepted: boolean;
  /** What the target has declared, if anything. */
  readonly maxSendDataSegmentLength: number | undefined;
}

/**
 * One exchange of texts, with a declaration of this side or none. `exchange` sends a text and gives the whole answer. Raises
 * ISCSI_TEXT_MALFORMED, ISCSI_KEY_REPEATED, and what `exchange` raises.
 */
export async function renegotiate(
  exchange: (text: Uint8Array) => Promise<Uint8Array>,
  maxRecvDataSegmentLength?: number,
): Promise<Renegotiated> {
  const declaration =
    maxRecvDataSegmentLength === undefined ? [] : [{ key: KEY, value: String(maxRecvDataSegmentLength) }];
  const answers = decodeText(await exchange(encodeText(declaration)));
  const negotiation = new TextNegotiation('target');
  // The target has ended the exchange: nothing that it says there may need an answer (RFC 7143 §11.11.1).
  for (const answer of answers) negotiation.receive(answer);
  const refusals: readonly string[] = [Answer.reject, Answer.notUnderstood];
  return {
    isAccepted: !answers.some(({ key, value }) => key === KEY && refusals.includes(value)),
    maxSendDataSegmentLength: negotiation.maxRecvDataSegmentLength,
  };
}
