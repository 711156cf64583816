/** Hosts on one cable: UDP with multicast and broadcast, and TCP, without a kernel. */

import { DisklessError } from '../../src/bytes/index.ts';
import type {
  Endpoint,
  Network,
  TcpConnection,
  TcpListener,
  UdpHandler,
  UdpOptions,
  UdpSocket,
} from '../../src/os/network.ts';
import { SimulatedTcp } from './simulated-tcp.ts';

interface OpenSocket {
  readonly host: string;
  readonly options: UdpOptions;
  readonly port: number;
  handler: UdpHandler | undefined;
}

export interface Sent {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly data: Uint8Array;
}

export class SimulatedSegment {
  /** Every datagram, in order. */
  readonly sent: Sent[] = [];
  /** TCP connections that were made, by the address of who was called. */
  readonly called: string[] = [];
  /** Says what of it gets lost. */
  isLost: (datagram: Sent) => boolean = () => false;
  readonly #sockets = new Set<OpenSocket>();
  readonly #listeners = new Map<string, (connection: TcpConnection) => void>();
  #nextPort = 49_152;

  /** Sockets and listeners that are open still. */
  get open(): number {
    return this.#sockets.size + this.#listeners.size;
  }

  /** The network as the host of an address sees it. */
  host(address: string): Network {
    return {
      listenTcp: (endpoint, accept) => this.#listen(endpoint, accept),
      connectTcp: (endpoint) => this.#connect(address, endpoint),
      openUdp: (options) => this.#openUdp(address, options),
      interfaces: () => [],
      resolve: async (host) => [host],
    };
  }

  async #listen(endpoint: Endpoint, accept: (connection: TcpConnection) => void): Promise<TcpListener> {
    const key = keyOf(endpoint);
    this.#listeners.set(key, accept);
    const close = async () => void this.#listeners.delete(key);
    return { endpoint, close, [Symbol.asyncDispose]: close };
  }

  async #connect(from: string, to: Endpoint): Promise<TcpConnection> {
    this.called.push(to.address);
    const accept = this.#listeners.get(keyOf(to));
    if (accept === undefined) throw new DisklessError('NETWORK_REFUSED', `nobody listens at ${keyOf(to)}`);
    const [client, server] = SimulatedTcp.pair({ address: from, port: this.#nextPort++ }, to);
    accept(server);
    return client;
  }

  async #openUdp(host: string, options: UdpOptions): Promise<UdpSocket> {
    const port = options.port === 0 ? this.#nextPort++ : options.port;
    const socket: OpenSocket = { host, options, port, handler: undefined };
    this.#sockets.add(socket);
    const close = async () => void this.#sockets.delete(socket);
    return {
      local: { address: host, port },
      start: (handler) => {
        socket.handler = handler;
      },
      send: (data, to) => this.#deliver({ from: { address: host, port }, to, data: data.slice() }),
      close,
      [Symbol.asyncDispose]: close,
    };
  }

  #deliver(datagram: Sent): void {
    this.sent.push(datagram);
    if (this.isLost(datagram)) return;
    const { from, to, data } = datagram;
    setImmediate(() => {
      for (const socket of this.#sockets) {
        const isFor = socket.host === to.address || socket.options.groups?.includes(to.address);
        if (isFor && socket.port === to.port) socket.handler?.message(data, from);
      }
    });
  }
}

function keyOf({ address, port }: Endpoint): string {
  return `${address} port ${port}`;
}
