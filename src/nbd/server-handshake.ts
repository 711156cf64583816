/**
 * The server's side of the fixed newstyle negotiation (NBD "Newstyle negotiation"): options, until the client has chosen an export or
 * goes away.
 */

import { ProtocolError, writeU16, writeU32 } from '../bytes/index.ts';
import type { Negotiation } from './dialogue.ts';
import { decodeInfoRequest, decodeMetaContextRequest, decodeText, lengthAndText } from './option-data.ts';
import { readOption, type Send, sendOptionReply } from './option-frame.ts';
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
  OPTION_MAGIC,
  Option,
  OptionReplyType,
  TransmissionFlag,
} from './protocol.ts';

/** What can be served under a name. */
export interface ExportDescription {
  /** Empty for the export that clients get who name none. */
  readonly name: string;
  readonly description: string;
  /** Bytes. */
  readonly size: number;
  /** Bits of TransmissionFlag. */
  readonly transmissionFlags: number;
  /** Bytes: what requests must be a multiple of, should be a multiple of, and may carry at most. */
  readonly blockSize: { readonly minimum: number; readonly preferred: number; readonly maximum: number };
}

export type ServerAgreement =
  | {
      readonly kind: 'transmission';
      readonly export: ExportDescription;
      readonly structuredReplies: boolean;
      /** Whether the client may ask what is allocated. */
      readonly allocation: boolean;
    }
  /** The client has what it wanted to know. */
  | { readonly kind: 'over' };

/** The number under which block status is reported. */
export const ALLOCATION_CONTEXT_ID = 1;

/** Options of one client, which can ask for nothing new after a few. */
const MAX_OPTIONS = 1000;

/** Raises NBD_HANDSHAKE and NBD_EXPORT_UNKNOWN: the connection must end. */
export function serverHandshake(exports: readonly ExportDescription[], send: Send): Negotiation<ServerAgreement> {
  return new ServerHandshake(exports, send).run();
}

class ServerHandshake {
  readonly #exports: readonly ExportDescription[];
  readonly #send: Send;
  #noZeroes = false;
  #structuredReplies = false;
  /** The export for which the allocation context was chosen. */
  #allocationOf: string | undefined;

  constructor(exports: readonly ExportDescription[], send: Send) {
    this.#exports = exports;
    this.#send = send;
  }

  *run(): Negotiation<ServerAgreement> {
    const handshakeFlags = HandshakeFlag.fixedNewstyle | HandshakeFlag.noZeroes;
    this.#send(Greeting.encode({ magic: GREETING_MAGIC, optionMagic: OPTION_MAGIC, handshakeFlags }));
    this.#readClientFlags(yield 4);
    for (let options = 0; options < MAX_OPTIONS; options++) {
      const { option, data } = yield* readOption(broken);
      const agreement = this.#answer(option, data);
      if (agreement !== undefined) return agreement;
    }
    throw broken(`has sent ${MAX_OPTIONS} options and chosen no export`);
  }

  #readClientFlags(flags: Uint8Array): void {
    const [first = 0, second = 0, third = 0, last = 0] = flags;
    const known = HandshakeFlag.fixedNewstyle | HandshakeFlag.noZeroes;
    if (first !== 0 || second !== 0 || third !== 0 || (last & ~known) !== 0) {
      throw broken('has flags that the server has not offered');
    }
    this.#noZeroes = (last & HandshakeFlag.noZeroes) !== 0;
  }

  /** What cannot be read or is not known is refused, and the negotiation goes on. */
  #answer(option: number, data: Uint8Array): ServerAgreement | undefined {
    if (option === Option.exportName) return this.#chooseByName(data);
    try {
      return this.#answerWithReplies(option, data);
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.code !== 'NBD_OPTION_MALFORMED') throw error;
      this.#refuse(option, OptionReplyType.invalid, error.message);
      return undefined;
    }
  }

  #answerWithReplies(option: number, data: Uint8Array): ServerAgreement | undefined {
    switch (option) {
      case Option.abort:
        this.#reply(option, OptionReplyType.ack);
        return { kind: 'over' };
      case Option.list:
        this.#list(data);
        return undefined;
      case Option.info:
      case Option.go:
        return this.#describe(option, data);
      case Option.structuredReply:
        this.#structuredReplies ||= data.length === 0;
        if (data.length === 0) this.#reply(option, OptionReplyType.ack);
        else this.#refuse(option, OptionReplyType.invalid, 'the option has no data');
        return undefined;
      case Option.listMetaContext:
      case Option.setMetaContext:
        this.#answerContexts(option, data);
        return undefined;
      default:
        this.#refuse(option, OptionReplyType.unsupported, `option ${option} is not known here`);
        return undefined;
    }
  }

  /** NBD_OPT_EXPORT_NAME cannot be refused but by the end of the connection. */
  #chooseByName(data: Uint8Array): ServerAgreement {
    const name = decodeText(data);
    const found = this.#find(name);
    if (found === undefined) throw new ProtocolError('NBD_EXPORT_UNKNOWN', `there is no NBD export "${name}"`);
    const { size } = found;
    this.#send(ExportAnswer.encode({ size, transmissionFlags: this.#flagsOf(found) }));
    if (!this.#noZeroes) this.#send(new Uint8Array(EXPORT_ANSWER_ZEROES));
    return this.#agree(found);
  }

  #list(data: Uint8Array): void {
    if (data.length > 0) {
      this.#refuse(Option.list, OptionReplyType.invalid, 'the option has no data');
      return;
    }
    for (const { name } of this.#exports) this.#reply(Option.list, OptionReplyType.server, lengthAndText(name));
    this.#reply(Option.list, OptionReplyType.ack);
  }

  #describe(option: typeof Option.info | typeof Option.go, data: Uint8Array): ServerAgreement | undefined {
    const { exportName, wanted } = decodeInfoRequest(data);
    const found = this.#find(exportName);
    if (found === undefined) {
      this.#refuse(option, OptionReplyType.unknown, `there is no export "${exportName}"`);
      return undefined;
    }
    const { size, blockSize, name, description } = found;
    const inform = (information: Uint8Array): void => this.#reply(option, OptionReplyType.info, information);
    inform(ExportInfo.encode({ type: InfoType.export, size, transmissionFlags: this.#flagsOf(found) }));
    inform(BlockSizeInfo.encode({ type: InfoType.blockSize, ...blockSize }));
    if (wanted.includes(InfoType.name)) inform(informationText(InfoType.name, name));
    if (wanted.includes(InfoType.description)) inform(informationText(InfoType.description, description));
    this.#reply(option, OptionReplyType.ack);
    return option === Option.go ? this.#agree(found) : undefined;
  }

  /** NBD "Metadata querying": a list without queries is of all contexts, and what is not known is passed over. */
  #answerContexts(option: typeof Option.listMetaContext | typeof Option.setMetaContext, data: Uint8Array): void {
    if (!this.#structuredReplies) {
      this.#refuse(option, OptionReplyType.invalid, 'structured replies must be agreed on first');
      return;
    }
    const { exportName, queries } = decodeMetaContextRequest(data);
    if (option === Option.setMetaContext) this.#allocationOf = undefined;
    if (this.#find(exportName) === undefined) {
      this.#refuse(option, OptionReplyType.unknown, `there is no export "${exportName}"`);
      return;
    }
    const isList = option === Option.listMetaContext;
    const isListed = isList && (queries.length === 0 || queries.includes('base:'));
    if (isListed || queries.includes(ALLOCATION_CONTEXT)) {
      if (!isList) this.#allocationOf = exportName;
      const name = new TextEncoder().encode(ALLOCATION_CONTEXT);
      const context = new Uint8Array(4 + name.length);
      writeU32(context, 0, isList ? 0 : ALLOCATION_CONTEXT_ID);
      context.set(name, 4);
      this.#reply(option, OptionReplyType.metaContext, context);
    }
    this.#reply(option, OptionReplyType.ack);
  }

  #find(name: string): ExportDescription | undefined {
    return this.#exports.find((each) => each.name === name);
  }

  /** NBD_FLAG_SEND_DF means something with structured replies only. */
  #flagsOf({ transmissionFlags }: ExportDescription): number {
    return this.#structuredReplies ? transmissionFlags | TransmissionFlag.sendDontFragment : transmissionFlags;
  }

  #agree(found: ExportDescription): ServerAgreement {
    const structuredReplies = this.#structuredReplies;
    return { kind: 'transmission', export: found, structuredReplies, allocation: this.#allocationOf === found.name };
  }

  #refuse(option: number, type: number, why: string): void {
    this.#reply(option, type, new TextEncoder().encode(why));
  }

  #reply(option: number, type: number, data?: Uint8Array): void {
    sendOptionReply(this.#send, option, type, data);
  }
}

function broken(what: string): ProtocolError {
  return new ProtocolError('NBD_HANDSHAKE', `an NBD client that ${what}`);
}

function informationText(type: number, text: string): Uint8Array {
  const encoded = new TextEncoder().encode(text);
  const bytes = new Uint8Array(2 + encoded.length);
  writeU16(bytes, 0, type);
  bytes.set(encoded, 2);
  return bytes;
}
