/** Messages put together from what TCP or UDP brings (RFC 4171 §5.2). */

import { ProtocolError, readU32 } from '../bytes/index.ts';
import { type IsnsMessage, PduHeader } from './pdu.ts';

/** Block structure descriptor, length, timestamp and SPI string length (RFC 4171 §5.5). */
const LEAST_AUTHENTICATION_BLOCK = 20;
/** A DSA signature and the name of its key need far less. */
const MOST_AUTHENTICATION_BLOCK = 4096;

function invalid(message: string): ProtocolError {
  return new ProtocolError('ISNS_PDU_INVALID', message);
}

interface Unfinished {
  readonly first: Pdu;
  readonly parts: Uint8Array[];
  length: number;
}

interface Pdu {
  readonly header: ReturnType<typeof PduHeader.view>;
  readonly payload: Uint8Array;
}

/** Cuts a TCP stream into messages. What came before an error is lost, and so is the place in the stream: the connection must end. */
export class MessageReader {
  readonly #maxLength: number;
  #chunks: Uint8Array[] = [];
  #available = 0;
  /** Bytes from which on there may be something to read. */
  #needed: number = PduHeader.size;
  #unfinished: Unfinished | undefined;

  /** `maxLength`: bytes of payload that a message may have. */
  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#available += chunk.length;
  }

  /** The next whole message; undefined until more is pushed. Raises ISNS_PDU_INVALID. */
  next(): IsnsMessage | undefined {
    while (this.#available >= this.#needed) {
      const received = join(this.#chunks, this.#available);
      const length = knownLength(received);
      const isWhole = length <= received.length;
      this.#keep(isWhole ? received.subarray(length) : received, isWhole ? PduHeader.size : length);
      const message = isWhole ? this.#add(pduOf(received)) : undefined;
      if (message !== undefined) return message;
    }
    return undefined;
  }

  #keep(received: Uint8Array, needed: number): void {
    this.#chunks = [received];
    this.#available = received.length;
    this.#needed = needed;
  }

  #add(pdu: Pdu): IsnsMessage | undefined {
    const { header, payload } = pdu;
    const unfinished = this.#unfinished ?? { first: pdu, parts: [], length: 0 };
    checkPlace(header, this.#unfinished);
    unfinished.parts.push(payload);
    unfinished.length += payload.length;
    if (unfinished.length > this.#maxLength) {
      throw invalid(`a message has more than the ${this.#maxLength} bytes that are taken`);
    }
    this.#unfinished = header.lastPdu ? undefined : unfinished;
    return header.lastPdu ? messageOf(unfinished.first, join(unfinished.parts, unfinished.length)) : undefined;
  }
}

/** PDUs of a message follow one another, numbered from 0, with one function and one transaction (RFC 4171 §5.1.6, §5.2). */
function checkPlace(header: Pdu['header'], unfinished: Unfinished | undefined): void {
  if (header.firstPdu !== (unfinished === undefined)) {
    throw invalid(header.firstPdu ? 'a message begins before the last one has ended' : 'a message has no first PDU');
  }
  if (header.sequenceId !== (unfinished?.parts.length ?? 0)) {
    throw invalid(`sequence ID ${header.sequenceId} comes after ${(unfinished?.parts.length ?? 0) - 1}`);
  }
  const first = unfinished?.first.header ?? header;
  if (first.functionId !== header.functionId || first.transactionId !== header.transactionId) {
    throw invalid('the PDUs of a message have different functions or transactions');
  }
}

function join(parts: readonly Uint8Array[], length: number): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function messageOf({ header }: Pdu, payload: Uint8Array): IsnsMessage {
  const { version, functionId, transactionId, fromServer, replace } = header;
  return { version, functionId, transactionId, sender: fromServer ? 'server' : 'client', replace, payload };
}

/**
 * A datagram carries one PDU (RFC 4171 §2.9.2). A message of several is refused: parts of it may be lost or overtaken, and TCP is there
 * for what is long. Raises ISNS_PDU_INVALID.
 */
export function decodeDatagram(datagram: Uint8Array): IsnsMessage {
  if (datagram.length < PduHeader.size || datagram.length < knownLength(datagram)) {
    throw invalid(`${datagram.length} bytes are no whole PDU`);
  }
  const pdu = pduOf(datagram);
  if (!pdu.header.firstPdu || !pdu.header.lastPdu) throw invalid('a datagram is a part of a message only');
  return messageOf(pdu, pdu.payload);
}

function pduOf(bytes: Uint8Array): Pdu {
  const header = PduHeader.view(bytes);
  return { header, payload: bytes.subarray(PduHeader.size, PduHeader.size + header.pduLength) };
}

/**
 * Bytes of the PDU at the beginning of `bytes`, as far as those tell, which are a header at least. The authentication block only means
 * something in multicasts (RFC 4171 §5.5); elsewhere it is passed over.
 */
function knownLength(bytes: Uint8Array): number {
  const { pduLength, authenticationBlock } = PduHeader.view(bytes);
  if (pduLength % 4 !== 0) throw invalid(`a payload of ${pduLength} bytes is not aligned to four`);
  const end = PduHeader.size + pduLength;
  if (!authenticationBlock) return end;
  if (bytes.length < end + LEAST_AUTHENTICATION_BLOCK) return end + LEAST_AUTHENTICATION_BLOCK;
  const blockLength = readU32(bytes, end + 4);
  if (blockLength < LEAST_AUTHENTICATION_BLOCK || blockLength > MOST_AUTHENTICATION_BLOCK) {
    throw invalid(`an authentication block of ${blockLength} bytes`);
  }
  return end + blockLength;
}
