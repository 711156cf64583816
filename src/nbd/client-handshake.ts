/**
 * The client's side of the newstyle negotiation (NBD "Newstyle negotiation"): structured replies and the allocation context where the
 * server has them, then the export by NBD_OPT_GO, or by NBD_OPT_EXPORT_NAME with servers that know nothing else.
 */

import { DisklessError, ProtocolError, readU16, readU32, writeU32 } from '../bytes/index.ts';
import type { Negotiation } from './dialogue.ts';
import { encodeInfoRequest, encodeMetaContextRequest } from './option-data.ts';
import { type OptionReply, readOptionReply, type Send, sendOption } from './option-frame.ts';
import {
  ALLOCATION_CONTEXT,
  BlockSizeInfo,
  EXPORT_ANSWER_ZEROES,
  ExportAnswer,
  ExportInfo,
  GREETING_MAGIC,
  Greeting,
  HandshakeFlag,
  InfoType,
  isErrorReply,
  OLDSTYLE_MAGIC,
  OPTION_MAGIC,
  Option,
  OptionReplyType,
} from './protocol.ts';

export interface ClientAgreement {
  /** Bytes. */
  readonly size: number;
  /** Bits of TransmissionFlag. */
  readonly transmissionFlags: number;
  /** Bytes; what the server has not said is as NBD "Block size constraints" has it. */
  readonly blockSize: { readonly minimum: number; readonly preferred: number; readonly maximum: number };
  readonly structuredReplies: boolean;
  /** The number under which block status is reported; undefined when it cannot be asked for. */
  readonly allocationContext: number | undefined;
}

/** Replies to one option: more is no server's that means well. */
const MAX_REPLIES = 1000;

const defaultBlockSize = { minimum: 1, preferred: 4096, maximum: 32 << 20 };
const noData = new Uint8Array(0);

/** Raises NBD_HANDSHAKE, NBD_OLDSTYLE, NBD_EXPORT_UNKNOWN, NBD_TLS_REQUIRED, NBD_REFUSED. */
export function* clientHandshake(exportName: string, send: Send): Negotiation<ClientAgreement> {
  const { magic, optionMagic, handshakeFlags } = Greeting.view(yield Greeting.size);
  if (magic !== GREETING_MAGIC) throw broken('does not greet as an NBD server does');
  if (optionMagic === OLDSTYLE_MAGIC) throw oldstyle();
  if (optionMagic !== OPTION_MAGIC) throw broken('greets in a style that does not exist');
  const isFixed = (handshakeFlags & HandshakeFlag.fixedNewstyle) !== 0;
  const clientFlags = handshakeFlags & (HandshakeFlag.fixedNewstyle | HandshakeFlag.noZeroes);
  const flags = new Uint8Array(4);
  writeU32(flags, 0, clientFlags);
  send(flags);
  const noZeroes = (clientFlags & HandshakeFlag.noZeroes) !== 0;
  // Only a fixed server survives an option that it does not know.
  if (!isFixed) return yield* chooseByName(exportName, noZeroes, send);

  const structuredReplies = (yield* ask(Option.structuredReply, noData, send)).at(-1)?.type === OptionReplyType.ack;
  const allocationContext = structuredReplies ? yield* chooseAllocation(exportName, send) : undefined;
  const replies = yield* ask(Option.go, encodeInfoRequest({ exportName, wanted: [InfoType.blockSize] }), send);
  const last = replies.at(-1);
  if (last?.type === OptionReplyType.unsupported) return yield* chooseByName(exportName, noZeroes, send);
  if (last?.type !== OptionReplyType.ack) throw refused(exportName, last);
  return { ...readInformation(replies), structuredReplies, allocationContext };
}

function* chooseAllocation(exportName: string, send: Send): Negotiation<number | undefined> {
  const query = encodeMetaContextRequest({ exportName, queries: [ALLOCATION_CONTEXT] });
  const replies = yield* ask(Option.setMetaContext, query, send);
  if (replies.at(-1)?.type !== OptionReplyType.ack) return undefined;
  const context = replies.find(({ type }) => type === OptionReplyType.metaContext);
  if (context === undefined) return undefined;
  if (context.data.length < 4) throw broken('names a metadata context without its number');
  return readU32(context.data, 0);
}

/** Sends an option and gathers what is replied, up to the acknowledgement or the error that ends it. */
function* ask(option: number, data: Uint8Array, send: Send): Negotiation<OptionReply[]> {
  sendOption(send, option, data);
  const replies: OptionReply[] = [];
  while (replies.length < MAX_REPLIES) {
    const reply = yield* readOptionReply(option, broken);
    replies.push(reply);
    if (reply.type === OptionReplyType.ack || isErrorReply(reply.type)) return replies;
  }
  throw broken(`replies more than ${MAX_REPLIES} times to one option`);
}

/** A server that does not have the export just goes away. */
function* chooseByName(exportName: string, noZeroes: boolean, send: Send): Negotiation<ClientAgreement> {
  sendOption(send, Option.exportName, new TextEncoder().encode(exportName));
  const { size, transmissionFlags } = ExportAnswer.view(yield ExportAnswer.size);
  if (!noZeroes) yield EXPORT_ANSWER_ZEROES;
  return {
    size,
    transmissionFlags,
    blockSize: defaultBlockSize,
    structuredReplies: false,
    allocationContext: undefined,
  };
}

function readInformation(
  replies: readonly OptionReply[],
): Pick<ClientAgreement, 'size' | 'transmissionFlags' | 'blockSize'> {
  let found: { size: number; transmissionFlags: number } | undefined;
  let blockSize = defaultBlockSize;
  for (const { type, data } of replies) {
    if (type !== OptionReplyType.info) continue;
    if (data.length < 2) throw broken('gives information without its type');
    const kind = readU16(data, 0);
    if (kind === InfoType.export) {
      const { size, transmissionFlags } = ExportInfo.view(data);
      found = { size, transmissionFlags };
    } else if (kind === InfoType.blockSize) {
      const { minimum, preferred, maximum } = BlockSizeInfo.view(data);
      blockSize = { minimum, preferred, maximum };
    }
  }
  if (found === undefined) throw broken('opens an export and does not say how large it is');
  const { minimum, maximum } = blockSize;
  if (minimum === 0 || (minimum & (minimum - 1)) !== 0 || maximum < minimum) {
    throw broken(`names block sizes of ${minimum} to ${maximum} bytes`);
  }
  return { ...found, blockSize };
}

function broken(what: string): ProtocolError {
  return new ProtocolError('NBD_HANDSHAKE', `the NBD server ${what}`, {
    hint: 'Is there an NBD server at that address?',
  });
}

function oldstyle(): ProtocolError {
  return new ProtocolError('NBD_OLDSTYLE', 'the NBD server only knows the oldstyle negotiation', {
    hint: 'Start it so that it speaks newstyle.',
  });
}

function refused(exportName: string, last: OptionReply | undefined): DisklessError {
  const reason = last === undefined ? '' : new TextDecoder().decode(last.data);
  const words = reason === '' ? '' : `: ${reason}`;
  switch (last?.type) {
    case OptionReplyType.unknown:
      return new DisklessError('NBD_EXPORT_UNKNOWN', `the NBD server has no export "${exportName}"${words}`, {
        hint: 'nbdinfo --list shows those it has.',
      });
    case OptionReplyType.tlsRequired:
      return new DisklessError('NBD_TLS_REQUIRED', `the NBD server insists on TLS${words}`, {
        hint: 'This program does not speak NBD over TLS: let the server allow it without, on a socket of the file system.',
      });
    default:
      return new DisklessError('NBD_REFUSED', `the NBD server refuses the export "${exportName}"${words}`, {
        hint: 'Its own log says why.',
      });
  }
}
