/** The HTTP server: one listener for each served address. */

import { createAdaptorServer, type ServerType } from '@hono/node-server';
import type { Hono } from 'hono';
import type { Endpoint } from '../os/network.ts';
import { networkError } from '../os/node-error.ts';
import { type Ends, plainAddress } from './http-app.ts';

export class HttpService {
  readonly #server: ServerType;

  private constructor(server: ServerType) {
    this.#server = server;
  }

  /** Raises NETWORK_PORT_IN_USE, NETWORK_PORT_FORBIDDEN, NETWORK_ADDRESS_UNKNOWN. */
  static async listen(app: Hono, endpoint: Endpoint): Promise<HttpService> {
    const server = createAdaptorServer({ fetch: app.fetch });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(networkError(error, 'serve HTTP on', endpoint)));
      server.listen(endpoint.port, endpoint.address, resolve);
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
