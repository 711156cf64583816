/**
 * Options and the replies to them as both ends send and read them (NBD "Option haggling"): a header with a magic number, the option and a
 * length, then so many bytes.
 */

import type { ProtocolError } from '../bytes/index.ts';
import type { Negotiation } from './dialogue.ts';
import { OPTION_MAGIC, OPTION_REPLY_MAGIC, OptionHeader, OptionReplyHeader } from './protocol.ts';

/** Bytes of an option or a reply: two strings of the longest kind and some queries. More is sent by nobody who means well. */
const MAX_LENGTH = 64 << 10;

const noData = new Uint8Array(0);

/** What to raise about the other end; `what` goes on after "it". */
export type Refuse = (what: string) => ProtocolError;

export type Send = (bytes: Uint8Array) => void;

interface FrameHeader {
  readonly magic: bigint;
  readonly option: number;
  readonly length: number;
}

/** `check` raises what is wrong with a header, before its data is waited for. */
function* readFrame<Header extends FrameHeader>(
  layout: { readonly size: number; view(bytes: Uint8Array): Header },
  magic: bigint,
  refuse: Refuse,
  check: (header: Header) => void = () => {},
): Negotiation<{ readonly header: Header; readonly data: Uint8Array }> {
  const header = layout.view(yield layout.size);
  if (header.magic !== magic) throw refuse('sends an option without its magic number');
  check(header);
  if (header.length > MAX_LENGTH) throw refuse(`sends ${header.length} bytes about option ${header.option}`);
  return { header, data: yield header.length };
}

export function* readOption(refuse: Refuse): Negotiation<{ readonly option: number; readonly data: Uint8Array }> {
  const { header, data } = yield* readFrame(OptionHeader, OPTION_MAGIC, refuse);
  return { option: header.option, data };
}

export interface OptionReply {
  readonly type: number;
  readonly data: Uint8Array;
}

/** The next reply to `option`, which is what was asked last. */
export function* readOptionReply(option: number, refuse: Refuse): Negotiation<OptionReply> {
  const { header, data } = yield* readFrame(OptionReplyHeader, OPTION_REPLY_MAGIC, refuse, (reply) => {
    if (reply.option !== option) throw refuse(`replies to option ${reply.option} when ${option} was asked`);
  });
  return { type: header.type, data };
}

export function sendOption(send: Send, option: number, data: Uint8Array): void {
  send(OptionHeader.encode({ magic: OPTION_MAGIC, option, length: data.length }));
  if (data.length > 0) send(data);
}

export function sendOptionReply(send: Send, option: number, type: number, data: Uint8Array = noData): void {
  send(OptionReplyHeader.encode({ magic: OPTION_REPLY_MAGIC, option, type, length: data.length }));
  if (data.length > 0) send(data);
}
