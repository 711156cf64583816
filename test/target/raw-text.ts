/** Text Requests as a test wants them (RFC 7143 §11.10), and what comes back. */

import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import { BasicHeader, Reject, TextRequest, TextResponse } from '../../src/iscsi/pdu.ts';
import type { Pdu } from '../../src/iscsi/pdu-reader.ts';
import { decodeText, encodeText } from '../../src/iscsi/text.ts';
import type { RawInitiator } from './raw-initiator.ts';

export interface TextFields {
  readonly final?: boolean;
  readonly more?: boolean;
  readonly tag?: number;
  readonly targetTransferTag?: number;
  readonly lun?: Uint8Array;
  readonly immediate?: boolean;
}

export type TextReply =
  | {
      readonly kind: 'text';
      readonly header: TextResponse;
      readonly pdu: Pdu;
      readonly text: Buffer;
      /** `key=value`, in order, where the text is whole. */
      readonly pairs: readonly string[];
    }
  | { readonly kind: 'reject'; readonly reason: number };

/** Sends a text, as bytes or as `key=value` lines, and gives the answer. */
export async function ask(
  raw: RawInitiator,
  text: Uint8Array | readonly string[],
  fields: TextFields = {},
): Promise<TextReply> {
  sendText(raw, text, fields);
  const pdu = await raw.next();
  if (pdu === undefined) throw new Error('the connection ended without an answer');
  const { opcode } = BasicHeader.view(pdu.header);
  if (opcode === Opcode.reject) return { kind: 'reject', reason: Reject.view(pdu.header).reason };
  if (opcode !== Opcode.textResponse) throw new Error(`opcode 0x${opcode.toString(16)} came`);
  const header = TextResponse.view(pdu.header);
  raw.expStatSN = (header.statSN + 1) >>> 0;
  const answer = Buffer.concat(pdu.data);
  return {
    kind: 'text',
    header,
    pdu,
    text: answer,
    get pairs() {
      return decodeText(answer).map(({ key, value }) => `${key}=${value}`);
    },
  };
}

export function sendText(raw: RawInitiator, text: Uint8Array | readonly string[], fields: TextFields = {}): number {
  const initiatorTaskTag = fields.tag ?? raw.newTag();
  const immediate = fields.immediate ?? true;
  const header = TextRequest.encode({
    opcode: Opcode.textRequest,
    immediate,
    final: fields.final ?? true,
    continue: fields.more ?? false,
    ...(fields.lun === undefined ? {} : { lun: fields.lun }),
    initiatorTaskTag,
    targetTransferTag: fields.targetTransferTag ?? RESERVED_TAG,
    cmdSN: raw.cmdSN,
    expStatSN: raw.expStatSN,
  });
  if (!immediate) raw.cmdSN = (raw.cmdSN + 1) >>> 0;
  const bytes = text instanceof Uint8Array ? text : encodeText(text.map(pairOf));
  raw.send(header, bytes.length === 0 ? [] : [bytes]);
  return initiatorTaskTag;
}

function pairOf(line: string): { key: string; value: string } {
  const at = line.indexOf('=');
  return { key: line.slice(0, at), value: line.slice(at + 1) };
}
