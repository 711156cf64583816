/**
 * Two networks with a relay agent between them, as three namespaces: `server` (192.0.2.1/24) - `relay` (192.0.2.2, and 198.51.100.1/24
 * on the far side) - `client`. Needs root.
 */

import { spawnSync } from 'node:child_process';

export interface RelayedNetwork extends Disposable {
  readonly serverInterface: string;
  readonly serverAddress: string;
  /** The relay agent's interfaces towards the server and towards the clients. */
  readonly relayInterfaces: readonly [near: string, far: string];
  readonly relayAddress: string;
  readonly farSubnet: string;
  readonly clientInterface: string;
  /** What goes before a program to run it on each machine. */
  readonly onServer: readonly string[];
  readonly onRelay: readonly string[];
  readonly onClient: readonly string[];
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}

/** `name` and this process's id name the namespaces. */
export function makeRelayedNetwork(name: string, clientMac: string): RelayedNetwork {
  const [server, relay, client] = ['server', 'relay', 'client'].map((side) => `${name}-${side}-${process.pid}`) as [
    string,
    string,
    string,
  ];
  const remove = (): void => {
    for (const namespace of [server, relay, client]) spawnSync('ip', ['netns', 'delete', namespace]);
  };
  try {
    for (const namespace of [server, relay, client]) {
      ip('netns', 'add', namespace);
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
    }
    ip('-n', server, 'link', 'add', 'server0', 'type', 'veth', 'peer', 'name', 'near0', 'netns', relay);
    ip('-n', client, 'link', 'add', 'client0', 'type', 'veth', 'peer', 'name', 'far0', 'netns', relay);
    ip('-n', client, 'link', 'set', 'client0', 'address', clientMac);
    for (const [namespace, device, address] of [
      [server, 'server0', '192.0.2.1/24'],
      [relay, 'near0', '192.0.2.2/24'],
      [relay, 'far0', '198.51.100.1/24'],
    ] as const) {
      ip('-n', namespace, 'address', 'add', address, 'dev', device);
      ip('-n', namespace, 'link', 'set', device, 'up');
    }
    ip('-n', client, 'link', 'set', 'client0', 'up');
    ip('-n', server, 'route', 'add', '198.51.100.0/24', 'via', '192.0.2.2');
    ip('netns', 'exec', relay, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
  } catch (error) {
    remove();
    throw error;
  }
  return {
    serverInterface: 'server0',
    serverAddress: '192.0.2.1',
    relayInterfaces: ['near0', 'far0'],
    relayAddress: '198.51.100.1',
    farSubnet: '198.51.100.0/24',
    clientInterface: 'client0',
    onServer: ['ip', 'netns', 'exec', server],
    onRelay: ['ip', 'netns', 'exec', relay],
    onClient: ['ip', 'netns', 'exec', client],
    [Symbol.dispose]: remove,
  };
}
