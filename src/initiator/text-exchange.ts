/** One text from this side and one from the target, either of which may take several PDUs (RFC 7143 §11.10, §11.11). */

import { ProtocolError } from '../bytes/index.ts';
import { TextResponse } from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import { TextGatherer } from '../iscsi/text.ts';
import { type TextPlace, textRequest } from './request.ts';

/** Text Responses that one text may take: those that are empty would go on for ever. */
const MAX_TEXT_PDUS = 2048;

/** Bytes of one answer. */
const MAX_TEXT_LENGTH = 1 << 20;

/** Sends one Text Request, all those of one exchange with the same tag, and resolves with its response. */
export type AskText = (fill: (header: Uint8Array) => void, data: readonly Uint8Array[]) => Promise<Pdu>;

/** Raises ISCSI_TEXT_TOO_LONG, and what `ask` raises. */
export async function exchangeText(ask: AskText, text: Uint8Array): Promise<Uint8Array> {
  const gatherer = new TextGatherer(MAX_TEXT_LENGTH);
  let place: TextPlace | undefined;
  let data = text;
  for (let pdus = 0; pdus < MAX_TEXT_PDUS; pdus++) {
    const at = place;
    const answer = await ask((header) => textRequest(header, at), data.length === 0 ? [] : [data]);
    const header = TextResponse.view(answer.header);
    const whole = gatherer.add(answer.data, !header.final || header.continue);
    if (whole !== undefined) return whole;
    // An empty request asks for the next part (RFC 7143 §11.10.3).
    place = { targetTransferTag: header.targetTransferTag, lun: header.lun };
    data = new Uint8Array(0);
  }
  throw new ProtocolError('ISCSI_TEXT_TOO_LONG', `a text that does not end after ${MAX_TEXT_PDUS} responses`);
}
