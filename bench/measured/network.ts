/** A network of two namespaces, a server's and its clients': large enough for as many clients as one /16 has. */

import { execFileSync } from 'node:child_process';
import { type MacAddress, parseMac } from '../../src/bytes/index.ts';

export interface BenchNetwork extends Disposable {
  readonly serverInterface: string;
  readonly serverAddress: string;
  readonly clientInterface: string;
  readonly clientMac: MacAddress;
  readonly subnet: string;
  readonly pool: { readonly first: string; readonly last: string };
  /** What goes before a program to run it on the server's or on the client's side. */
  readonly onServer: readonly string[];
  readonly onClient: readonly string[];
}

const CLIENT_MAC = parseMac('52:54:00:42:00:02');

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

export function makeBenchNetwork(): BenchNetwork {
  const server = `bench-server-${process.pid}`;
  const client = `bench-client-${process.pid}`;
  const remove = (): void => {
    for (const namespace of [server, client]) {
      try {
        ip('netns', 'delete', namespace);
      } catch {
        // It was never made.
      }
    }
  };
  try {
    for (const namespace of [server, client]) ip('netns', 'add', namespace);
    ip('-n', server, 'link', 'add', 'server0', 'type', 'veth', 'peer', 'name', 'client0', 'netns', client);
    ip('-n', client, 'link', 'set', 'client0', 'address', CLIENT_MAC);
    for (const [namespace, name, address] of [
      [server, 'server0', '10.64.0.1/16'],
      [client, 'client0', '10.64.0.2/16'],
    ] as const) {
      ip('-n', namespace, 'address', 'add', address, 'dev', name);
      ip('-n', namespace, 'link', 'set', name, 'up');
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
    }
  } catch (error) {
    remove();
    throw error;
  }
  return {
    serverInterface: 'server0',
    serverAddress: '10.64.0.1',
    clientInterface: 'client0',
    clientMac: CLIENT_MAC,
    subnet: '10.64.0.0/16',
    pool: { first: '10.64.1.0', last: '10.64.255.254' },
    onServer: ['ip', 'netns', 'exec', server],
    onClient: ['ip', 'netns', 'exec', client],
    [Symbol.dispose]: remove,
  };
}
