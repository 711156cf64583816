/** A simulated network that keeps hold of the target's ends of its lines: what a target has queued is the memory that it uses. */

import type { Endpoint, Network, TcpConnection, TcpListener } from '../../src/os/network.ts';
import { type LineOptions, SimulatedTcp } from '../support/simulated-tcp.ts';

export class ObservedNetwork implements Network {
  readonly #line: LineOptions;
  readonly #targetEnds = new Set<SimulatedTcp>();
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
    this.#targetEnds.add(server);
    this.#accept(server);
    return client;
  }

  /** The most that one connection of the target has queued for its initiator. */
  get mostQueued(): number {
    let most = 0;
    for (const { bufferedBytes } of this.#targetEnds) most = Math.max(most, bufferedBytes);
    return most;
  }

  forgetConnections(): void {
    this.#targetEnds.clear();
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
