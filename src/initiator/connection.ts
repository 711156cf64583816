/**
 * One TCP connection that carries PDUs: bytes to PDUs on the way in, PDUs to bytes on the way out. It knows nothing of what the PDUs
 * mean.
 */

import { ProtocolError } from '../bytes/index.ts';
import { type Pdu, PduReader } from '../iscsi/pdu-reader.ts';
import { type PduDigests, writePdu } from '../iscsi/pdu-writer.ts';
import type { Endpoint, TcpConnection } from '../os/network.ts';

export interface ConnectionHandler {
  /** One whole PDU. A ProtocolError that it raises ends the connection. */
  pdu(pdu: Pdu): void;
  /** The last call. `error` says why, when this side did not ask for the end. */
  closed(error: Error | undefined): void;
}

/** Digests and the longest data segment that this side takes. */
export interface Framing extends PduDigests {
  readonly maxRecvDataSegmentLength: number;
}

/** What holds until login has agreed on more (RFC 7143 §13.1, §13.12). */
const loginFraming: Framing = { headerDigest: false, dataDigest: false, maxRecvDataSegmentLength: 8192 };

const nothing: readonly Uint8Array[] = [];

export class Connection {
  readonly #tcp: TcpConnection;
  readonly #reader: PduReader;
  readonly #write: (part: Uint8Array) => void;
  #framing: Framing = loginFraming;
  #handler: ConnectionHandler | undefined;
  #failure: Error | undefined;
  /** This side has ended it: nothing more goes out, and what still comes in is not looked at. */
  #ended = false;
  #over = false;

  constructor(tcp: TcpConnection) {
    this.#tcp = tcp;
    this.#reader = new PduReader(readerOptions(loginFraming));
    this.#write = (part) => void tcp.write(part);
  }

  get remote(): Endpoint {
    return this.#tcp.remote;
  }

  get local(): Endpoint {
    return this.#tcp.local;
  }

  /** Starts the flow. The handler may be exchanged when the login is over. */
  start(handler: ConnectionHandler): void {
    const first = this.#handler === undefined;
    this.#handler = handler;
    if (!first) return;
    this.#tcp.start({
      data: (chunk) => this.#receive(chunk),
      drain: () => {},
      closed: (error) => this.#closed(error),
    });
  }

  /** What login agreed on holds from the next PDU on, in both directions. */
  configure(framing: Framing): void {
    this.#framing = framing;
    this.#reader.configure(readerOptions(framing));
  }

  /** Queues a PDU; header and data must stay as they are until they have left. */
  send(header: Uint8Array, data: readonly Uint8Array[] = nothing): void {
    if (!this.#ended) writePdu(this.#write, header, data, this.#framing);
  }

  /** Queues the bytes of whole PDUs, as the login machine makes them. */
  sendBytes(bytes: Uint8Array): void {
    if (!this.#ended) this.#tcp.write(bytes);
  }

  /** Ends at once; `closed` reports `error`. */
  destroy(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = error;
    this.#tcp.destroy();
  }

  #receive(chunk: Uint8Array): void {
    if (this.#ended) return;
    try {
      this.#reader.push(chunk);
      for (let pdu = this.#reader.next(); pdu !== undefined; pdu = this.#reader.next()) {
        this.#handler?.pdu(pdu);
        if (this.#ended) return;
      }
    } catch (error) {
      // Whoever broke the protocol will not keep it from here on: the stream has lost its place.
      if (!(error instanceof ProtocolError)) throw error;
      this.destroy(error);
    }
  }

  #closed(error: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#ended = true;
    this.#handler?.closed(this.#failure ?? error);
  }
}

function readerOptions(framing: Framing) {
  return {
    maxDataSegmentLength: framing.maxRecvDataSegmentLength,
    headerDigest: framing.headerDigest,
    dataDigest: framing.dataDigest,
  };
}
