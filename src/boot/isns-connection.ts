/** A connection to an iSNS server: what the client of `isns/` needs of the network, and a time limit for every answer. */

import { DisklessError } from '../bytes/index.ts';
import { IsnsClient, type RequestContent } from '../isns/client.ts';
import type { IncomingNotice } from '../isns/client-notice.ts';
import type { ResponseSections } from '../isns/message.ts';
import type { Clock } from '../os/clock.ts';
import type { Endpoint, Network, TcpConnection } from '../os/network.ts';

export interface IsnsConnectionOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly server: Endpoint;
  /** The iSCSI name that asks. */
  readonly source: string;
  /** Milliseconds for the connection, and for each answer. */
  readonly timeout: number;
  /** Ends the attempt to connect, and every request. */
  readonly signal?: AbortSignal;
  readonly onNotice?: (notice: IncomingNotice) => void;
  /** The connection has ended; called once, unless it was closed from here. */
  readonly onClosed?: (error: Error) => void;
}

export class IsnsConnection implements Disposable {
  readonly #options: IsnsConnectionOptions;
  readonly #connection: TcpConnection;
  readonly #client: IsnsClient;
  #isOver = false;

  private constructor(options: IsnsConnectionOptions, connection: TcpConnection) {
    const { source, onNotice, signal } = options;
    this.#options = options;
    this.#connection = connection;
    const write = (pdu: Uint8Array): void => void connection.write(pdu);
    this.#client = new IsnsClient({ source, write, ...(onNotice === undefined ? {} : { onNotice }) });
    connection.start({
      data: (chunk) => this.#receive(chunk),
      drain: () => {},
      closed: (error) => this.#end(error ?? this.#ended()),
    });
    signal?.addEventListener('abort', this.#abort, { once: true });
  }

  /** Raises NETWORK_UNREACHABLE, NETWORK_REFUSED, NETWORK_TIMEOUT. */
  static async open(options: IsnsConnectionOptions): Promise<IsnsConnection> {
    const { network, server, timeout, signal } = options;
    const connection = await network.connectTcp(server, { timeout, ...(signal === undefined ? {} : { signal }) });
    return new IsnsConnection(options, connection);
  }

  /**
   * The response, whatever its status. Rejects with ISNS_TIMEOUT, ISNS_PDU_INVALID, ISNS_ATTRIBUTE_INVALID, NETWORK_RESET, or what the
   * signal was given; the connection has ended then.
   */
  async request(content: RequestContent): Promise<ResponseSections> {
    const { clock, timeout, signal } = this.#options;
    signal?.throwIfAborted();
    const answered = this.#client.request(content);
    const timer = clock.after(timeout, () => this.#end(this.#late()));
    try {
      return await answered;
    } finally {
      timer.cancel();
    }
  }

  #receive(chunk: Uint8Array): void {
    if (this.#isOver) return;
    try {
      this.#client.receive(chunk);
    } catch (error) {
      if (!(error instanceof DisklessError)) throw error;
      this.#end(error);
    }
  }

  readonly #abort = (): void => {
    const reason: unknown = this.#options.signal?.reason;
    this.#end(reason instanceof Error ? reason : new DisklessError('ABORTED', String(reason)));
  };

  #end(error: Error): void {
    if (this.#isOver) return;
    this.#close(error);
    this.#options.onClosed?.(error);
  }

  #close(error: Error): void {
    this.#isOver = true;
    this.#options.signal?.removeEventListener('abort', this.#abort);
    this.#connection.destroy();
    this.#client.fail(error);
  }

  get #server(): string {
    const { address, port } = this.#options.server;
    return `the iSNS server ${address}, port ${port},`;
  }

  #late(): DisklessError {
    return new DisklessError('ISNS_TIMEOUT', `${this.#server} did not answer within ${this.#options.timeout} ms`, {
      hint: 'It took the connection: look at the server itself.',
    });
  }

  #ended(): DisklessError {
    return new DisklessError('NETWORK_RESET', `${this.#server} ended the connection`);
  }

  [Symbol.dispose](): void {
    if (!this.#isOver) this.#close(this.#ended());
  }
}
