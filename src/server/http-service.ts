/** The HTTP server: one listener for each served address. */

import { createAdaptorServer, type ServerType } from '@hono/node-server';
import type { Hono } from 'hono';
import type { Endpoint } from '../os/network.ts';
import { networkError } from '../os/node-error.ts';
import { type Ends, plainAddress } from './http-app.ts';

/** Milliseconds, unless it says otherwise. What goes beyond them ends the connection. */
export interface HttpLimits {
  /** Connections at the same time; more are refused. */
  readonly connections: number;
  /** Bytes of a request's first line and header. */
  readonly headerBytes: number;
  /** Until the header, and the whole request, is there. */
  readonly headerTime: number;
  readonly requestTime: number;
  /** Without a request on a connection that had one. */
  readonly betweenRequests: number;
  /** In which nothing at all moves: a reader may be slow, but has to read. */
  readonly silence: number;
}

export const defaultHttpLimits: HttpLimits = {
  connections: 4096,
  headerBytes: 8192,
  headerTime: 10_000,
  requestTime: 20_000,
  betweenRequests: 5000,
  silence: 30_000,
};

export class HttpService {
  readonly #server: ServerType;

  private constructor(server: ServerType) {
    this.#server = server;
  }

  /** Raises NETWORK_PORT_IN_USE, NETWORK_PORT_FORBIDDEN, NETWORK_ADDRESS_UNKNOWN. */
  static async listen(app: Hono, endpoint: Endpoint, limits: HttpLimits = defaultHttpLimits): Promise<HttpService> {
    const server = createAdaptorServer({
      fetch: app.fetch,
      serverOptions: {
        maxHeaderSize: limits.headerBytes,
        headersTimeout: limits.headerTime,
        requestTimeout: limits.requestTime,
        keepAliveTimeout: limits.betweenRequests,
        // How often Node looks whether a request takes too long.
        connectionsCheckingInterval: Math.ceil(limits.headerTime / 4),
      },
    });
    server.maxConnections = limits.connections;
    server.setTimeout(limits.silence);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(networkError(error, 'serve HTTP on', endpoint)));
      // IPv4 has listeners of its own beside one for all addresses of IPv6.
      server.listen({ host: endpoint.address, port: endpoint.port, ipv6Only: true }, resolve);
    });
    return new HttpService(server);
  }

  /** Lets answers under way end, for a moment. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    if ('closeIdleConnections' in this.#server) this.#server.closeIdleConnections();
    const patience = setTimeout(() => {
      if ('closeAllConnections' in this.#server) this.#server.closeAllConnections();
    }, 1000);
    await closed;
    clearTimeout(patience);
  }
}

/** What @hono/node-server gives an application as its environment. */
interface NodeEnvironment {
  readonly incoming: { readonly socket: { readonly localAddress?: string; readonly remoteAddress?: string } };
}

function isNodeEnvironment(value: unknown): value is NodeEnvironment {
  return typeof value === 'object' && value !== null && 'incoming' in value;
}

export function endsOf(environment: unknown): Ends {
  if (!isNodeEnvironment(environment)) return { local: '', remote: '' };
  const { localAddress, remoteAddress } = environment.incoming.socket;
  return { local: plainAddress(localAddress), remote: plainAddress(remoteAddress) };
}
