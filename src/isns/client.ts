/**
 * The client's side of one TCP connection to an iSNS server (RFC 4171 §2.9.1): requests and their responses, and answers to what the
 * server asks on the same connection. It does no I/O: bytes come in by `receive`, and leave by `write`.
 */

import { DisklessError, ProtocolError } from '../bytes/index.ts';
import { type Attribute, textAttribute } from './attribute.ts';
import { type IncomingNotice, noticeOf } from './client-notice.ts';
import { decodeResponse, encodeRequest, type ResponseSections } from './message.ts';
import { MessageReader } from './message-reader.ts';
import { encodeMessage, type IsnsMessage, isResponse, responseTo } from './pdu.ts';
import { describeStatus, Status } from './status.ts';
import { Tag } from './tag.ts';

/** Bytes of a response: room for tens of thousands of targets. */
const MAX_RESPONSE = 16 << 20;

export interface IsnsClientOptions {
  /** The iSCSI name that requests come from (RFC 4171 §5.6.1). */
  readonly source: string;
  /** Takes what is to be sent. */
  readonly write: (pdu: Uint8Array) => void;
  /** Hears of what the server tells or asks; it has been answered. */
  readonly onNotice?: (notice: IncomingNotice) => void;
}

export interface RequestContent {
  readonly functionId: number;
  readonly key?: readonly Attribute[];
  readonly operating?: readonly Attribute[];
  readonly replace?: boolean;
}

interface Outstanding {
  readonly functionId: number;
  readonly answered: PromiseWithResolvers<ResponseSections>;
}

export class IsnsClient {
  readonly #options: IsnsClientOptions;
  readonly #reader = new MessageReader(MAX_RESPONSE);
  /** By transaction ID. */
  readonly #outstanding = new Map<number, Outstanding>();
  #nextTransactionId = 1;
  #failure: Error | undefined;

  constructor(options: IsnsClientOptions) {
    this.#options = options;
  }

  /** The response, whatever its status. Rejects with what `fail` was given. */
  request({ functionId, key = [], operating = [], replace = false }: RequestContent): Promise<ResponseSections> {
    const answered = Promise.withResolvers<ResponseSections>();
    if (this.#failure !== undefined) {
      answered.reject(this.#failure);
      return answered.promise;
    }
    const transactionId = this.#takeTransactionId();
    this.#outstanding.set(transactionId, { functionId, answered });
    const source = textAttribute(Tag.iscsiName, this.#options.source);
    this.#send({ functionId, transactionId, replace, payload: encodeRequest({ source, key, operating }) });
    return answered.promise;
  }

  /** Unique among those that are outstanding (RFC 4171 §5.1.5). */
  #takeTransactionId(): number {
    while (this.#outstanding.has(this.#nextTransactionId)) this.#step();
    const taken = this.#nextTransactionId;
    this.#step();
    return taken;
  }

  #step(): void {
    this.#nextTransactionId = (this.#nextTransactionId + 1) & 0xffff;
  }

  #send(message: Omit<IsnsMessage, 'version' | 'sender'>): void {
    for (const pdu of encodeMessage({ ...message, sender: 'client' })) this.#options.write(pdu);
  }

  /** Raises ISNS_PDU_INVALID and ISNS_ATTRIBUTE_INVALID, after which the connection is to be ended and `fail` called. */
  receive(chunk: Uint8Array): void {
    this.#reader.push(chunk);
    for (let message = this.#reader.next(); message !== undefined; message = this.#reader.next()) {
      if (isResponse(message.functionId)) this.#settle(message);
      else this.#answer(message);
    }
  }

  #settle({ transactionId, functionId, payload }: IsnsMessage): void {
    const outstanding = this.#outstanding.get(transactionId);
    if (outstanding === undefined) return;
    if (functionId !== responseTo(outstanding.functionId)) {
      throw new ProtocolError(
        'ISNS_PDU_INVALID',
        `the iSNS server answered function ${outstanding.functionId} with 0x${functionId.toString(16)}`,
      );
    }
    const sections = decodeResponse(payload);
    this.#outstanding.delete(transactionId);
    outstanding.answered.resolve(sections);
  }

  #answer(message: IsnsMessage): void {
    const { notice, answer } = noticeOf(message);
    if (answer !== undefined) {
      const { functionId, transactionId } = message;
      this.#send({ functionId: responseTo(functionId), transactionId, replace: false, payload: answer });
    }
    if (notice !== undefined) this.#options.onNotice?.(notice);
  }

  /** The connection is over: what is outstanding is answered no more. */
  fail(error: Error): void {
    this.#failure ??= error;
    for (const { answered } of this.#outstanding.values()) answered.reject(error);
    this.#outstanding.clear();
  }
}

/** Raises ISNS_REFUSED for every status but "successful". `what` was asked, as in "a query". */
export function requireSuccess(response: ResponseSections, what: string): ResponseSections {
  if (response.status === Status.successful) return response;
  throw new DisklessError('ISNS_REFUSED', `the iSNS server refused ${what}: ${describeStatus(response.status)}`, {
    hint: 'Its own log says why; this name may have to be allowed there.',
  });
}
