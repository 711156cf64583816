/** A simulated network that keeps hold of the target's ends of its lines: what a target has queued is the memory that it uses. */

import type { Endpoint, Network, TcpConnection, TcpHandler, TcpListener } from '../../../src/os/network.ts';
import { type LineOptions, SimulatedTcp } from '../../support/simulated-tcp.ts';

export class ObservedNetwork implements Network {
  readonly #line: LineOptions;
  readonly #targetEnds = new Set<ObservedEnd>();
  #accept: ((connection: TcpConnection) => void) | undefined;
  #nextPort = 1024;

  constructor(line: LineOptions) {
    this.#line = line;
  }

  async listenTcp(endpoint: Endpoint, accept: (connection: TcpConnection) => void): Promise<TcpListener> {
    this.#accept = accept;
    const close = async (): Promise<void> => {
      this.#accept = undefined;
    };
    return { endpoint, close, [Symbol.asyncDispose]: close };
  }

  connect(): SimulatedTcp {
    if (this.#accept === undefined) throw new Error('nobody listens');
    const own = { address: '192.0.2.2', port: this.#nextPort++ };
    const [client, server] = SimulatedTcp.pair(own, { address: '192.0.2.1', port: 3260 }, this.#line);
    const end = new ObservedEnd(server, client, () => this.#targetEnds.delete(end));
    this.#targetEnds.add(end);
    this.#accept(end);
    return client;
  }

  /** The target's ends of the connections that have not ended. */
  get targetEnds(): Iterable<ObservedEnd> {
    return this.#targetEnds;
  }

  /** The most that one connection of the target has queued for its initiator. */
  get mostQueued(): number {
    let most = 0;
    for (const { bufferedBytes } of this.#targetEnds) most = Math.max(most, bufferedBytes);
    return most;
  }

  async connectTcp(): Promise<SimulatedTcp> {
    return this.connect();
  }

  async openUdp(): Promise<never> {
    throw new Error('no UDP here');
  }

  interfaces(): readonly [] {
    return [];
  }

  async resolve(host: string): Promise<string[]> {
    return [host];
  }
}

/** The target's end of a line, as the target has it. */
export class ObservedEnd implements TcpConnection {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #tcp: SimulatedTcp;
  readonly #peer: SimulatedTcp;
  readonly #onClosed: () => void;
  /** The target's own object for it. */
  handler: TcpHandler | undefined;
  /** The most bytes that have come in one piece. */
  longestChunk = 0;

  constructor(tcp: SimulatedTcp, peer: SimulatedTcp, onClosed: () => void) {
    this.local = tcp.local;
    this.remote = tcp.remote;
    this.#tcp = tcp;
    this.#peer = peer;
    this.#onClosed = onClosed;
  }

  get bufferedBytes(): number {
    return this.#tcp.bufferedBytes;
  }

  start(handler: TcpHandler): void {
    this.handler = handler;
    this.#tcp.start({
      data: (chunk) => {
        this.longestChunk = Math.max(this.longestChunk, chunk.length);
        handler.data(chunk);
      },
      drain: () => handler.drain(),
      closed: (error) => {
        this.#onClosed();
        handler.closed(error);
      },
    });
  }

  /** The initiator goes away. */
  leave(): void {
    this.#peer.destroy();
  }

  write(chunk: Uint8Array): boolean {
    return this.#tcp.write(chunk);
  }

  flush(): void {
    this.#tcp.flush();
  }

  hold(): void {
    this.#tcp.hold();
  }

  pause(): void {
    this.#tcp.pause();
  }

  resume(): void {
    this.#tcp.resume();
  }

  end(): void {
    this.#tcp.end();
  }

  destroy(): void {
    this.#tcp.destroy();
  }
}
