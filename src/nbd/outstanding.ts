/**
 * A client's requests that have not been answered: each gets a cookie and is written, what comes back is gathered under it, and its
 * promise settles when the server is done with it (NBD "Transmission phase").
 */

import { type ByteQueue, DisklessError, ProtocolError, totalLength } from '../bytes/index.ts';
import type { ClientAgreement } from './client-handshake.ts';
import { Command, ErrorValue, REQUEST_MAGIC, RequestHeader } from './protocol.ts';
import type { BlockStatus } from './reply.ts';
import { type ReplyPart, ReplyReader } from './reply-reader.ts';

export interface ClientRequest {
  /** Of Command. */
  readonly command: number;
  /** Bits of CommandFlag. */
  readonly flags?: number;
  readonly offset?: number;
  readonly length?: number;
  /** What a WRITE carries, `length` bytes. */
  readonly data?: readonly Uint8Array[];
}

export interface ClientResult {
  /** What was read, in the order of the export. */
  readonly data: readonly Uint8Array[];
  /** What was asked about, from its start; it may end before. */
  readonly statuses: readonly BlockStatus[];
}

interface Piece {
  readonly offset: number;
  readonly length: number;
  /** Undefined for a hole. */
  readonly data: readonly Uint8Array[] | undefined;
}

interface Pending {
  readonly request: ClientRequest;
  readonly resolve: (result: ClientResult) => void;
  readonly reject: (error: Error) => void;
  /** On the monotonic clock, as the caller of `start` gave it. */
  readonly startedAt: number;
  readonly pieces: Piece[];
  statuses: readonly BlockStatus[];
  /** The first that was reported; the reply goes on all the same. */
  error: NbdError | undefined;
}

const nothing: readonly Uint8Array[] = [];
const ZEROS = new Uint8Array(1 << 20);

/** A request that the server answered with an error. */
export class NbdError extends DisklessError {
  /** Of ErrorValue, or a number that it does not have. */
  readonly error: number;

  constructor(error: number, message: string) {
    const name = Object.entries(ErrorValue).find(([, value]) => value === error)?.[0] ?? `error ${error}`;
    super('NBD_COMMAND_FAILED', `the NBD server answers "${name}"${message === '' ? '' : `: ${message}`}`, {
      hint: 'Its own log may say more.',
    });
    this.error = error;
  }
}

export class OutstandingRequests {
  readonly #pending = new Map<number, Pending>();
  readonly #reader: ReplyReader;
  readonly #allocationContext: number | undefined;
  readonly #send: (bytes: Uint8Array) => void;
  #lastCookie = 0;

  /** Takes replies from `bytes`, and writes by `send`. */
  constructor(
    { blockSize, allocationContext }: Pick<ClientAgreement, 'blockSize' | 'allocationContext'>,
    bytes: ByteQueue,
    send: (bytes: Uint8Array) => void,
  ) {
    this.#allocationContext = allocationContext;
    this.#send = send;
    this.#reader = new ReplyReader(bytes, blockSize.maximum, (cookie) => {
      const request = this.#pending.get(cookie)?.request;
      if (request === undefined) return undefined;
      return request.command === Command.read ? (request.length ?? 0) : 0;
    });
  }

  get size(): number {
    return this.#pending.size;
  }

  /** When the oldest one was started; undefined when there is none. */
  get oldest(): number | undefined {
    for (const { startedAt } of this.#pending.values()) return startedAt;
    return undefined;
  }

  /** Rejects with NbdError, and with what `failAll` is given. */
  start(request: ClientRequest, now: number): Promise<ClientResult> {
    const cookie = this.#nextCookie();
    const { promise, resolve, reject } = Promise.withResolvers<ClientResult>();
    this.#pending.set(cookie, { request, resolve, reject, startedAt: now, pieces: [], statuses: [], error: undefined });
    this.#send(encodeRequest(request, cookie));
    for (const part of request.data ?? nothing) this.#send(part);
    return promise;
  }

  /** Says goodbye: it has no reply. */
  disconnect(): void {
    this.#send(encodeRequest({ command: Command.disconnect }, this.#nextCookie()));
  }

  /** Takes what has arrived. Raises NBD_MAGIC, NBD_REPLY, NBD_PAYLOAD_TOO_LONG: the connection must end. */
  receive(): void {
    for (let part = this.#reader.next(); part !== undefined; part = this.#reader.next()) this.#receivePart(part);
  }

  failAll(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #nextCookie(): number {
    do this.#lastCookie = (this.#lastCookie + 1) >>> 0;
    while (this.#pending.has(this.#lastCookie));
    return this.#lastCookie;
  }

  #receivePart(part: ReplyPart): void {
    const pending = this.#pending.get(part.cookie);
    if (pending === undefined) throw broken('answers a request that was not made');
    this.#gather(pending, part);
    if (!part.isLast) return;
    this.#pending.delete(part.cookie);
    if (pending.error !== undefined) pending.reject(pending.error);
    else pending.resolve(finish(pending));
  }

  #gather(pending: Pending, part: ReplyPart): void {
    const { command } = pending.request;
    switch (part.kind) {
      case 'nothing':
        return;
      case 'error':
        pending.error ??= new NbdError(part.error, part.message);
        return;
      case 'data':
        addPiece(pending, { ...pieceOf(pending, part.offset, totalLength(part.data)), data: part.data });
        return;
      case 'hole':
        addPiece(pending, { ...pieceOf(pending, part.offset, part.length), data: undefined });
        return;
      case 'statuses':
        if (command !== Command.blockStatus) throw broken('answers with block status what asks for none');
        if (part.contextId === this.#allocationContext) pending.statuses = part.statuses;
        return;
    }
  }
}

/** Data must be asked for, and lie within what was. */
function pieceOf({ request }: Pending, offset: number | undefined, length: number): { offset: number; length: number } {
  const start = request.offset ?? 0;
  const at = offset ?? start;
  if (request.command !== Command.read) throw broken('sends data that was not asked for');
  if (at < start || at + length > start + (request.length ?? 0)) throw broken('sends data of another place');
  return { offset: at, length };
}

/** In the order of the export: chunks may come in any (NBD "Structured reply chunk message"). */
function addPiece({ pieces }: Pending, piece: Piece): void {
  let at = pieces.length;
  while (at > 0 && (pieces[at - 1]?.offset ?? 0) > piece.offset) at -= 1;
  pieces.splice(at, 0, piece);
}

function finish({ request, pieces, statuses }: Pending): ClientResult {
  if (request.command === Command.blockStatus && statuses.length === 0) throw broken('gives no block status');
  if (request.command !== Command.read) return { data: nothing, statuses };
  let at = request.offset ?? 0;
  const end = at + (request.length ?? 0);
  const data: Uint8Array[] = [];
  for (const piece of pieces) {
    if (piece.offset !== at) throw broken('leaves out data, or sends some twice');
    at += piece.length;
    if (piece.data === undefined) pushZeros(data, piece.length);
    else data.push(...piece.data);
  }
  if (at !== end) throw broken('leaves out data');
  return { data, statuses };
}

function pushZeros(data: Uint8Array[], length: number): void {
  for (let left = length; left > 0; left -= ZEROS.length) data.push(ZEROS.subarray(0, Math.min(ZEROS.length, left)));
}

function encodeRequest({ command, flags = 0, offset = 0, length = 0 }: ClientRequest, cookieLow: number): Uint8Array {
  return RequestHeader.encode({ magic: REQUEST_MAGIC, flags, command, cookieLow, offset, length });
}

function broken(what: string): ProtocolError {
  return new ProtocolError('NBD_REPLY', `the NBD server ${what}`, { hint: 'Its own log may say more.' });
}
