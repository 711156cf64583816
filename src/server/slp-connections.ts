/** SLP's TCP port (RFC 2608 §6.2): requests and answers, one after the other, on as many connections as there is room for. */

import { ProtocolError } from '../bytes/index.ts';
import type { Clock, Timer } from '../os/clock.ts';
import type { Network, TcpConnection, TcpListener } from '../os/network.ts';
import type { SlpAgent } from '../slp/agent.ts';
import { MessageStream } from '../slp/message-stream.ts';
import { SLP_PORT } from '../slp/protocol.ts';
import { RequestStream } from './request-stream.ts';

export interface SlpConnectionsOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly address: string;
  readonly agent: SlpAgent;
  /** Milliseconds for which a connection may be idle. */
  readonly closeConnection: number;
  /** Default 64; the one that is idle for the longest makes room. */
  readonly mostConnections?: number;
}

/** A registration has some kilobytes at most. */
const LONGEST_REQUEST = 1 << 18;

export class SlpConnections implements AsyncDisposable {
  readonly #options: SlpConnectionsOptions;
  /** The one that was idle for the longest first. */
  readonly #open = new Map<TcpConnection, Timer>();
  #listener: TcpListener | undefined;

  private constructor(options: SlpConnectionsOptions) {
    this.#options = options;
  }

  /** Raises NETWORK_PORT_IN_USE, NETWORK_PORT_FORBIDDEN, NETWORK_ADDRESS_UNKNOWN. */
  static async listen(options: SlpConnectionsOptions): Promise<SlpConnections> {
    const connections = new SlpConnections(options);
    const endpoint = { address: options.address, port: SLP_PORT };
    connections.#listener = await options.network.listenTcp(endpoint, (connection) => connections.#accept(connection));
    return connections;
  }

  #accept(connection: TcpConnection): void {
    const { mostConnections = 64 } = this.#options;
    const [longestIdle] = this.#open.keys();
    if (this.#open.size >= mostConnections && longestIdle !== undefined) this.#close(longestIdle);
    const reader = new MessageStream(LONGEST_REQUEST);
    const requests = new RequestStream({
      connection,
      reader,
      answer: (bytes) => this.#answer(connection, bytes),
      onFault: (error) => {
        if (!(error instanceof ProtocolError)) throw error;
        // Nothing that follows can be told apart; what version is not spoken here is said before.
        const answers = error.code === 'SLP_VERSION_UNSUPPORTED' ? this.#answer(connection, reader.rest) : [];
        for (const answer of answers) connection.write(answer);
        connection.end();
      },
    });
    this.#touch(connection);
    connection.start({
      data: (chunk) => {
        if (this.#open.has(connection)) this.#touch(connection);
        requests.receive(chunk);
      },
      drain: () => requests.drained(),
      closed: () => {
        requests.end();
        this.#forget(connection);
      },
    });
  }

  #answer(connection: TcpConnection, bytes: Uint8Array): Uint8Array[] {
    const { address } = connection.remote;
    const answer = this.#options.agent.receive(bytes, { address, transport: 'tcp' });
    return answer === undefined ? [] : [answer];
  }

  #touch(connection: TcpConnection): void {
    this.#forget(connection);
    const { clock, closeConnection } = this.#options;
    this.#open.set(
      connection,
      clock.after(closeConnection, () => this.#close(connection)),
    );
  }

  #forget(connection: TcpConnection): void {
    this.#open.get(connection)?.cancel();
    this.#open.delete(connection);
  }

  #close(connection: TcpConnection): void {
    this.#forget(connection);
    connection.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of [...this.#open.keys()]) this.#close(connection);
    await this.#listener?.close();
  }
}
