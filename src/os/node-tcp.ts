/** TCP over node:net. */

import { createServer, connect as netConnect, type Server, type Socket } from 'node:net';
import { DisklessError } from '../bytes/index.ts';
import type { Endpoint, TcpConnection, TcpHandler, TcpListener } from './network.ts';
import { networkError } from './node-error.ts';
import { receivedMemory } from './received-memory.ts';

/** How much may wait in this process before `write` asks to stop: enough to keep a fast link busy for a turn of the loop. */
const HIGH_WATER_MARK = 4 << 20;

/**
 * Milliseconds of silence before the kernel asks whether the peer is still there. Ten unanswered questions a second apart end the
 * connection: 120 s in all, so that a machine which stands still for less keeps it.
 */
const KEEPALIVE_DELAY = 110_000;

class NodeTcpConnection implements TcpConnection {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #socket: Socket;
  #corked = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.local = { address: unmapped(socket.localAddress ?? ''), port: socket.localPort ?? 0 };
    this.remote = { address: unmapped(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 };
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEPALIVE_DELAY);
    socket.pause();
    // A socket can fail before its owner calls `start`; without a listener that would end the process.
    socket.on('error', () => {});
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  start(handler: TcpHandler): void {
    let failure: Error | undefined;
    this.#socket.on('data', (chunk) => {
      receivedMemory(chunk.length);
      handler.data(chunk as Buffer);
    });
    this.#socket.on('drain', () => handler.drain());
    this.#socket.on('error', (error) => {
      failure = networkError(error, 'keep the connection to', this.remote);
    });
    this.#socket.on('close', () => handler.closed(failure));
    if (this.#socket.closed) handler.closed(this.#socket.errored ?? undefined);
    else this.#socket.resume();
  }

  write(chunk: Uint8Array): boolean {
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(uncork, this);
    }
    return this.#socket.write(chunk);
  }

  /** Everything since the last one leaves in one writev. */
  flush(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#socket.uncork();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(error?: Error): void {
    this.#socket.destroy(error);
  }
}

/** One function for all connections: no closure per turn. */
function uncork(connection: NodeTcpConnection): void {
  connection.flush();
}

/** A dual-stack listener shows both ends of an IPv4 connection as ::ffff:192.0.2.1, which an IPv4 initiator could not reach. */
function unmapped(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

export async function listenTcp(endpoint: Endpoint, accept: (connection: TcpConnection) => void): Promise<TcpListener> {
  const server = createServer({ pauseOnConnect: true, noDelay: true, highWaterMark: HIGH_WATER_MARK }, (socket) =>
    accept(new NodeTcpConnection(socket)),
  );
  await listening(server, endpoint);
  const bound = server.address();
  const close = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  return {
    endpoint: {
      address: endpoint.address,
      port: typeof bound === 'object' && bound !== null ? bound.port : endpoint.port,
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function listening(server: Server, endpoint: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(networkError(error, 'listen on', endpoint)));
    server.listen({ host: endpoint.address, port: endpoint.port, backlog: 4096 }, resolve);
  });
}

export function connectTcp(
  endpoint: Endpoint,
  options: { timeout: number; signal?: AbortSignal },
): Promise<TcpConnection> {
  return new Promise((resolve, reject) => {
    const socket = netConnect({ host: endpoint.address, port: endpoint.port });
    const deadline = setTimeout(() => {
      const seconds = options.timeout / 1000;
      socket.destroy(
        new DisklessError(
          'NETWORK_TIMEOUT',
          `${endpoint.address} port ${endpoint.port} did not answer in ${seconds} s`,
          {
            hint: 'Is the address right, the machine on, and no firewall between?',
          },
        ),
      );
    }, options.timeout);
    const abort = (): void => {
      socket.destroy(new DisklessError('ABORTED', `connecting to ${endpoint.address} was given up`));
    };
    const settle = (): void => {
      clearTimeout(deadline);
      options.signal?.removeEventListener('abort', abort);
      socket.removeAllListeners('error');
    };
    socket.once('connect', () => {
      settle();
      resolve(new NodeTcpConnection(socket));
    });
    socket.once('error', (error) => {
      settle();
      reject(networkError(error, 'connect to', endpoint));
    });
    if (options.signal?.aborted) abort();
    else options.signal?.addEventListener('abort', abort, { once: true });
  });
}
