/** Replies of a server, cut out of a stream: simple ones, and the chunks of structured ones. */

import { type ByteQueue, ProtocolError, readU32 } from '../bytes/index.ts';
import {
  ChunkFlag,
  ChunkHeader,
  ChunkType,
  ErrorChunk,
  isErrorChunk,
  OffsetData,
  OffsetHole,
  SIMPLE_REPLY_MAGIC,
  SimpleReplyHeader,
  STRUCTURED_REPLY_MAGIC,
  StatusDescriptor,
} from './protocol.ts';
import type { BlockStatus } from './reply.ts';

/** A part of the reply to one request; `isLast` when there is no other. */
export type ReplyPart = {
  readonly cookie: number;
  readonly isLast: boolean;
} & (
  | { readonly kind: 'nothing' }
  /** `offset` is undefined in a simple reply, whose data is all of what was asked for. */
  | { readonly kind: 'data'; readonly offset: number | undefined; readonly data: readonly Uint8Array[] }
  | { readonly kind: 'hole'; readonly offset: number; readonly length: number }
  | { readonly kind: 'statuses'; readonly contextId: number; readonly statuses: readonly BlockStatus[] }
  | { readonly kind: 'error'; readonly error: number; readonly message: string }
);

/** What a payload may have beside the data of the largest READ. */
const MAX_OVERHEAD = 64 << 10;

interface Waiting {
  readonly kind: 'waiting';
  readonly cookie: number;
  /** Undefined for a simple reply. */
  readonly type: number | undefined;
  readonly isLast: boolean;
  readonly length: number;
}

export class ReplyReader {
  readonly #bytes: ByteQueue;
  readonly #maximumData: number;
  readonly #expectedData: (cookie: number) => number | undefined;
  /** What has a payload that has not all arrived. */
  #waiting: Waiting | undefined;

  /** Takes from `bytes`. `expectedData` gives the bytes that a simple reply to a request brings; undefined for an unknown request. */
  constructor(bytes: ByteQueue, maximumData: number, expectedData: (cookie: number) => number | undefined) {
    this.#bytes = bytes;
    this.#maximumData = maximumData;
    this.#expectedData = expectedData;
  }

  /** The next part, or undefined until more has arrived. Raises NBD_MAGIC, NBD_REPLY and NBD_PAYLOAD_TOO_LONG: the stream has lost its place. */
  next(): ReplyPart | undefined {
    if (this.#waiting === undefined) {
      const started = this.#start();
      if (started?.kind !== 'waiting') return started;
      this.#waiting = started;
    }
    const waiting = this.#waiting;
    if (this.#bytes.length < waiting.length) return undefined;
    this.#waiting = undefined;
    return this.#finish(waiting);
  }

  #start(): Waiting | ReplyPart | undefined {
    // The shorter of the two headers; the magic numbers tell them apart.
    if (this.#bytes.length < SimpleReplyHeader.size) return undefined;
    const magic = this.#bytes.peekU32();
    if (magic === SIMPLE_REPLY_MAGIC) return this.#startSimple();
    if (magic === STRUCTURED_REPLY_MAGIC) return this.#startChunk();
    throw new ProtocolError('NBD_MAGIC', 'an NBD reply without its magic number');
  }

  #startSimple(): Waiting | ReplyPart {
    const { error, cookieHigh, cookieLow } = SimpleReplyHeader.view(this.#bytes.take(SimpleReplyHeader.size));
    const cookie = cookieOf(cookieHigh, cookieLow);
    if (error !== 0) return { kind: 'error', cookie, isLast: true, error, message: '' };
    const length = this.#expectedData(cookie);
    if (length === undefined) throw malformed('answers a request that was not made');
    if (length === 0) return { kind: 'nothing', cookie, isLast: true };
    return { kind: 'waiting', cookie, type: undefined, isLast: true, length };
  }

  #startChunk(): Waiting | undefined {
    if (this.#bytes.length < ChunkHeader.size) return undefined;
    const { flags, type, cookieHigh, cookieLow, length } = ChunkHeader.view(this.#bytes.take(ChunkHeader.size));
    if (length > this.#maximumData + MAX_OVERHEAD) {
      throw new ProtocolError('NBD_PAYLOAD_TOO_LONG', `an NBD reply chunk announces ${length} bytes`);
    }
    return {
      kind: 'waiting',
      cookie: cookieOf(cookieHigh, cookieLow),
      type,
      isLast: (flags & ChunkFlag.done) !== 0,
      length,
    };
  }

  #finish({ cookie, type, isLast, length }: Waiting): ReplyPart {
    const part = { cookie, isLast };
    if (type === undefined) return { ...part, kind: 'data', offset: undefined, data: this.#bytes.takeSlices(length) };
    if (type === ChunkType.none) {
      if (length !== 0) throw malformed('has data in an empty chunk');
      return { ...part, kind: 'nothing' };
    }
    if (type === ChunkType.offsetData) {
      if (length <= OffsetData.size) throw malformed('has a data chunk without data');
      const { offset } = OffsetData.view(this.#bytes.take(OffsetData.size));
      return { ...part, kind: 'data', offset, data: this.#bytes.takeSlices(length - OffsetData.size) };
    }
    return { ...part, ...readPayload(type, this.#bytes.take(length)) };
  }
}

type Payload =
  | { readonly kind: 'hole'; readonly offset: number; readonly length: number }
  | { readonly kind: 'statuses'; readonly contextId: number; readonly statuses: readonly BlockStatus[] }
  | { readonly kind: 'error'; readonly error: number; readonly message: string };

function readPayload(type: number, payload: Uint8Array): Payload {
  if (type === ChunkType.offsetHole) {
    const { offset, length } = OffsetHole.view(payload);
    if (payload.length !== OffsetHole.size || length === 0) throw malformed('has a hole chunk that makes no sense');
    return { kind: 'hole', offset, length };
  }
  if (type === ChunkType.blockStatus) return readStatuses(payload);
  if (isErrorChunk(type)) {
    const { error, messageLength } = ErrorChunk.view(payload);
    if (ErrorChunk.size + messageLength > payload.length) throw malformed('has a message that is cut short');
    if (error === 0) throw malformed('reports no error as one');
    const text = payload.subarray(ErrorChunk.size, ErrorChunk.size + messageLength);
    return { kind: 'error', error, message: new TextDecoder().decode(text) };
  }
  throw malformed(`has a chunk of type ${type}, which is not known`);
}

function readStatuses(payload: Uint8Array): Payload {
  const count = (payload.length - 4) / StatusDescriptor.size;
  if (!Number.isInteger(count) || count < 1) throw malformed('has block status that makes no sense');
  const statuses = Array.from({ length: count }, (_, index) => {
    const { length, flags } = StatusDescriptor.view(payload, 4 + index * StatusDescriptor.size);
    if (length === 0) throw malformed('has block status of nothing');
    return { length, flags };
  });
  return { kind: 'statuses', contextId: readU32(payload, 0), statuses };
}

/** Our own cookies are small numbers; any other is nobody's. */
function cookieOf(high: number, low: number): number {
  return high * 2 ** 32 + low;
}

function malformed(what: string): ProtocolError {
  return new ProtocolError('NBD_REPLY', `the NBD server ${what}`, { hint: 'Its own log may say more.' });
}
