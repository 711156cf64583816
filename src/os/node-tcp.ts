/** TCP over node:net. */

import { createServer, connect as netConnect, type Server, type Socket } from 'node:net';
import { DisklessError } from '../bytes/index.ts';
import type { Endpoint, TcpConnection, TcpListener } from './network.ts';
import { networkError } from './node-error.ts';
import { HIGH_WATER_MARK, NodeStream } from './node-stream.ts';

/**
 * Milliseconds of silence before the kernel asks whether the peer is still there. Ten unanswered questions a second apart end the
 * connection: 120 s in all, so that a machine which stands still for less keeps it.
 */
const KEEPALIVE_DELAY = 110_000;

class NodeTcpConnection extends NodeStream implements TcpConnection {
  readonly local: Endpoint;
  readonly remote: Endpoint;

  constructor(socket: Socket) {
    const remote = { address: unmapped(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 };
    super(socket, (error) => networkError(error, 'keep the connection to', remote));
    this.local = { address: unmapped(socket.localAddress ?? ''), port: socket.localPort ?? 0 };
    this.remote = remote;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEPALIVE_DELAY);
  }
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
  // The port is free at once. Node's own word of it comes when the last connection is over.
  const close = async (): Promise<void> => void server.close();
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
