/**
 * Where the quick demo's server and client meet, without root: two network namespaces with a cable between them where the kernel lets
 * an ordinary user make them, else the loopback interface and ports that need no right.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseMac } from '../../src/bytes/index.ts';
import { targetNameOf } from '../../src/fleet/target-name.ts';
import { freePort } from '../../test/support/free-port.ts';
import { runCommand } from '../command.ts';

type Inside = (command: string, ...args: readonly string[]) => [string, string[]];

export interface QuickNetwork extends AsyncDisposable {
  /** For a person. */
  readonly description: string;
  readonly server: { readonly bridge: string; readonly inside: Inside; readonly flags: readonly string[] };
  readonly client: { readonly inside: Inside; readonly flags: readonly string[] };
}

export async function makeQuickNetwork(): Promise<QuickNetwork> {
  try {
    return await makeNamespaces();
  } catch {
    return await useLoopback();
  }
}

const serverAddress = '192.168.78.1/24';

async function makeNamespaces(): Promise<QuickNetwork> {
  const cleanup = new AsyncDisposableStack();
  try {
    const server = cleanup.use(await holdNamespace('unshare', ['--user', '--map-root-user', '--net']));
    const client = cleanup.use(await holdNamespace(...server.inside('unshare', '--net')));
    const run = (...args: string[]) => runCommand(...server.inside('ip', ...args));
    await run('link', 'set', 'lo', 'up');
    await run('link', 'add', 'server0', 'type', 'veth', 'peer', 'name', 'client0', 'netns', String(client.pid));
    await run('address', 'add', serverAddress, 'dev', 'server0');
    await run('link', 'set', 'server0', 'up');
    await runCommand(...client.inside('ip', 'link', 'set', 'client0', 'up'));
    return {
      description: 'a user and network namespace of its own',
      server: { bridge: 'server0', inside: server.inside, flags: [] },
      client: { inside: client.inside, flags: ['--interface', 'client0'] },
      [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
    };
  } catch (error) {
    await cleanup.disposeAsync();
    throw error;
  }
}

interface HeldNamespace extends AsyncDisposable {
  readonly pid: number;
  readonly inside: Inside;
}

/** A namespace lives as long as a process in it: `enter` makes one and this keeps a sleeping process there. */
async function holdNamespace(enter: string, args: readonly string[]): Promise<HeldNamespace> {
  const child = spawn(enter, [...args, 'sh', '-c', 'echo ready; read -r forever'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  const isReady = await becomesReady(child);
  const { pid } = child;
  if (pid === undefined || !isReady) throw new Error(`${enter} ${args.join(' ')} made no namespace`);
  const target = ['--target', String(pid), '--user', '--net', '--preserve-credentials'];
  return {
    pid,
    inside: (command, ...rest) => ['nsenter', [...target, 'setpriv', '--pdeathsig', 'KILL', command, ...rest]],
    async [Symbol.asyncDispose]() {
      const closed = once(child, 'close');
      child.stdin?.end();
      await closed;
    },
  };
}

function becomesReady(child: ChildProcess): Promise<boolean> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(false));
    child.once('close', () => resolve(false));
    child.stdout?.once('data', () => resolve(true));
  });
}

/** Broadcasts do not work on the loopback interface, so there is no DHCP: the client is told what DHCP would tell it. */
async function useLoopback(): Promise<QuickNetwork> {
  const [tftp, http, iscsi] = [await freePort(), await freePort(), await freePort()];
  const prefix = 'iqn.2026-11.internal.diskless.demo';
  const target = targetNameOf(prefix, parseMac('52:54:00:d1:5c:01'));
  const ports = ['--tftp-port', `${tftp}`, '--http', `${http}`, '--iscsi-port', `${iscsi}`];
  const inside: Inside = (command, ...args) => [command, [...args]];
  return {
    description: 'the loopback interface and high ports, since no network namespace could be made here',
    server: { bridge: 'lo', inside, flags: ['--dhcp', 'off', '--target-prefix', prefix, ...ports] },
    client: {
      inside,
      flags: ['--interface', 'lo', '--dhcp', 'off', '--root-path', `iscsi:127.0.0.1::${iscsi}::${target}`],
    },
    async [Symbol.asyncDispose]() {},
  };
}
