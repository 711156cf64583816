/** The way out of a connection: headers to fill, status numbering, digests. Payload goes to the socket as it is. */

import { serialAdd } from '../bytes/index.ts';
import { type PduDigests, writePdu } from '../iscsi/pdu-writer.ts';
import type { TcpConnection } from '../os/network.ts';
import { HeaderSlab } from './header-slab.ts';

/** What remembers PDUs that may have to be sent again. */
export interface PduKeeper {
  /** `isNumbered`: the PDU took a StatSN. */
  keep(header: Uint8Array, data: readonly Uint8Array[], isNumbered: boolean): void;
}

const noData: readonly Uint8Array[] = [];
const noDigests: PduDigests = { headerDigest: false, dataDigest: false };

export class PduSender {
  readonly #connection: TcpConnection;
  #digests = noDigests;
  readonly #headers = new HeaderSlab();
  #writable = true;
  #sentBytes = 0;
  /** StatSN of the next response. */
  #statSN = 0;
  #keeper: PduKeeper | undefined;
  /** The PDU that is being made has a StatSN of its own. */
  #isNumbered = false;
  readonly #emit: (part: Uint8Array) => void;

  constructor(connection: TcpConnection) {
    this.#connection = connection;
    this.#emit = (part) => {
      this.#sentBytes += part.length;
      if (!connection.write(part)) this.#writable = false;
    };
  }

  /** The connection enters the full feature phase. */
  configure(statSN: number, digests: PduDigests): void {
    this.#statSN = statSN;
    this.#digests = digests;
  }

  retain(keeper: PduKeeper | undefined): void {
    this.#keeper = keeper;
  }

  /** False when production should stop until `drained`. */
  get writable(): boolean {
    return this.#writable;
  }

  drained(): void {
    this.#writable = true;
  }

  /** Since the connection began. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  get statSN(): number {
    return this.#statSN;
  }

  /** The StatSN of a response that is about to be sent. */
  takeStatSN(): number {
    const statSN = this.#statSN;
    this.#statSN = serialAdd(statSN, 1);
    this.#isNumbered = true;
    return statSN;
  }

  /** The StatSN of a response that replaces an earlier one (RFC 7143 §11.4.4). */
  reuseStatSN(statSN: number): number {
    this.#isNumbered = true;
    return statSN;
  }

  /** 48 zero bytes to fill. */
  newHeader(): Uint8Array {
    return this.#headers.take();
  }

  /** Sends a PDU; its DataSegmentLength is filled in. */
  send(header: Uint8Array, data: readonly Uint8Array[] = noData): void {
    writePdu(this.#emit, header, data, this.#digests);
    if (this.#keeper !== undefined) this.#keeper.keep(header, data, this.#isNumbered);
    this.#isNumbered = false;
  }

  /** Sends a PDU that was sent before. */
  resend(header: Uint8Array, data: readonly Uint8Array[]): void {
    writePdu(this.#emit, header, data, this.#digests);
  }

  /** Sends bytes that are whole PDUs already. */
  sendRaw(bytes: Uint8Array): void {
    this.#emit(bytes);
  }

  /** `flush` will follow in this call. */
  hold(): void {
    this.#connection.hold();
  }

  /** What was sent need not wait for what others do in this turn of the loop. */
  flush(): void {
    this.#connection.flush();
    if (this.#keeper === undefined && this.#connection.bufferedBytes === 0) this.#headers.reuse();
  }

  /** Sends what is queued, then ends the connection. */
  end(): void {
    this.#connection.end();
  }
}
