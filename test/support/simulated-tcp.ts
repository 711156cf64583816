/**
 * TCP without a kernel: two ends in one process. Bytes written in one turn of the event loop travel together and arrive in a later
 * one, in chunks that the test may choose; the receiver can be slow, and the line can be cut.
 */

import { DisklessError } from '../../src/bytes/index.ts';
import type { Endpoint, Network, TcpConnection, TcpHandler, TcpListener } from '../../src/os/network.ts';

export interface LineOptions {
  /** Cuts what arrives into chunks; whole by default. */
  readonly cut?: (bytes: Uint8Array) => readonly Uint8Array[];
  /** Bytes that may be under way before `write` asks the writer to stop. Default 1 MiB. */
  readonly window?: number;
}

/** One byte per chunk. */
export function byteByByte(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}

const DEFAULT_WINDOW = 1 << 20;

export class SimulatedTcp implements TcpConnection {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #options: LineOptions;
  #peer: SimulatedTcp | undefined;
  #handler: TcpHandler | undefined;
  #outgoing: Uint8Array[] = [];
  #bufferedBytes = 0;
  #held = false;
  #sendScheduled = false;
  #incoming: Uint8Array[] = [];
  #paused = false;
  #wantsDrain = false;
  #ending = false;
  #peerEnded = false;
  #closed = false;

  private constructor(local: Endpoint, remote: Endpoint, options: LineOptions) {
    this.local = local;
    this.remote = remote;
    this.#options = options;
  }

  /** Both ends of a new line; `options` hold for both directions. */
  static pair(a: Endpoint, b: Endpoint, options: LineOptions = {}): [SimulatedTcp, SimulatedTcp] {
    const first = new SimulatedTcp(a, b, options);
    const second = new SimulatedTcp(b, a, options);
    first.#peer = second;
    second.#peer = first;
    return [first, second];
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  start(handler: TcpHandler): void {
    this.#handler = handler;
    setImmediate(() => this.#deliver());
  }

  write(chunk: Uint8Array): boolean {
    if (this.#closed || this.#ending) return false;
    this.#outgoing.push(chunk);
    this.#bufferedBytes += chunk.length;
    this.#scheduleSend();
    const room = this.#bufferedBytes < (this.#options.window ?? DEFAULT_WINDOW);
    if (!room) this.#wantsDrain = true;
    return room;
  }

  /** It sends in its own time. */
  flush(): void {
    this.#held = false;
  }

  /** Who has said that a flush follows, and does not flush, would leave an answer in the process for ever. */
  hold(): void {
    this.#held = true;
    queueMicrotask(() => {
      if (this.#held) throw new Error('held, and not flushed in the same call');
    });
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    setImmediate(() => this.#deliver());
  }

  end(): void {
    this.#ending = true;
    this.#scheduleSend();
  }

  destroy(): void {
    this.#outgoing = [];
    this.#peer?.cut();
    this.cut();
  }

  /** The line breaks: this end loses what is under way. */
  cut(error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#incoming = [];
    setImmediate(() => this.#handler?.closed(error));
  }

  #scheduleSend(): void {
    if (this.#sendScheduled) return;
    this.#sendScheduled = true;
    setImmediate(() => {
      this.#sendScheduled = false;
      this.#send();
    });
  }

  /** Hands everything written so far to the other end, unless that one does not take it. */
  #send(): void {
    const peer = this.#peer;
    if (peer === undefined || this.#closed) return;
    if (this.#outgoing.length > 0) {
      const bytes = Buffer.concat(this.#outgoing);
      this.#outgoing = [];
      peer.#incoming.push(...(this.#options.cut?.(bytes) ?? [bytes]));
    }
    if (this.#ending) peer.#peerEnded = true;
    peer.#deliver();
  }

  #deliver(): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    while (!this.#paused && !this.#closed) {
      const chunk = this.#incoming.shift();
      if (chunk === undefined) break;
      const peer = this.#peer;
      if (peer !== undefined) peer.#arrived(chunk.length);
      handler.data(chunk);
    }
    if (this.#peerEnded && this.#incoming.length === 0 && !this.#closed) {
      // Like a Node socket without allowHalfOpen: the other end's FIN ends this one too.
      this.#closed = true;
      this.#peer?.cut();
      handler.closed(undefined);
    }
  }

  #arrived(length: number): void {
    this.#bufferedBytes -= length;
    if (!this.#wantsDrain || this.#bufferedBytes > 0) return;
    this.#wantsDrain = false;
    setImmediate(() => {
      if (!this.#closed) this.#handler?.drain();
    });
  }
}

/** A network of one address space with TCP only. */
export class SimulatedNetwork implements Network {
  readonly #listeners = new Map<string, (connection: TcpConnection) => void>();
  readonly #options: LineOptions;
  #nextPort = 49_152;

  constructor(options: LineOptions = {}) {
    this.#options = options;
  }

  async listenTcp(endpoint: Endpoint, accept: (connection: TcpConnection) => void): Promise<TcpListener> {
    const key = keyOf(endpoint);
    if (this.#listeners.has(key)) throw new DisklessError('NETWORK_PORT_IN_USE', `${key} is taken`);
    this.#listeners.set(key, accept);
    const close = async (): Promise<void> => {
      this.#listeners.delete(key);
    };
    return { endpoint, close, [Symbol.asyncDispose]: close };
  }

  async connectTcp(endpoint: Endpoint): Promise<SimulatedTcp> {
    const accept = this.#listeners.get(keyOf(endpoint));
    if (accept === undefined) throw new DisklessError('NETWORK_REFUSED', `nobody listens at ${keyOf(endpoint)}`);
    const own = { address: '192.0.2.2', port: this.#nextPort++ };
    const [client, server] = SimulatedTcp.pair(own, endpoint, this.#options);
    accept(server);
    return client;
  }

  async openUdp(): Promise<never> {
    throw new DisklessError('NETWORK_ADDRESS_UNKNOWN', 'this network has no UDP');
  }

  interfaces(): readonly [] {
    return [];
  }

  async resolve(host: string): Promise<string[]> {
    return [host];
  }
}

function keyOf({ address, port }: Endpoint): string {
  return `${address} port ${port}`;
}
