/** A server's network and a client's, as two namespaces joined by a cable, for interop tests of the whole server. Needs root. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

export interface ServedNetwork extends AsyncDisposable {
  /** Counts the networks of one server, from 0. */
  readonly number: number;
  /** The interface to serve on, with the address 192.168.78.1/24; the server's next network is 192.168.79.0/24. */
  readonly serverInterface: string;
  readonly serverAddress: string;
  readonly clientInterface: string;
  /** 52:54:00:ab:cd:01, the next network's 52:54:00:ab:cd:02. */
  readonly clientMac: string;
  /** What goes before a program to run it on the server's or on the client's side. */
  readonly onServer: readonly string[];
  readonly onClient: readonly string[];
}

/** Of networks. */
const MOST = 9;

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}

/** `name` and this process's id name the namespaces. With `beside` it is a further network of that one's server, to be disposed of first. */
export function makeServedNetwork(name: string, beside?: ServedNetwork): ServedNetwork {
  const number = beside === undefined ? 0 : beside.number + 1;
  if (number >= MOST) throw new Error(`a server has at most ${MOST} networks`);
  const server = beside?.onServer.at(-1) ?? `${name}-server-${process.pid}`;
  const client = `${name}-client-${process.pid}`;
  const serverInterface = `srv${number}`;
  const serverAddress = `192.168.${78 + number}.1`;
  const clientMac = `52:54:00:ab:cd:0${number + 1}`;
  const own = beside === undefined ? [server, client] : [client];
  const remove = () => {
    for (const namespace of own) spawnSync('ip', ['netns', 'delete', namespace]);
  };
  try {
    for (const namespace of own) {
      ip('netns', 'add', namespace);
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
    }
    ip('-n', server, 'link', 'add', serverInterface, 'type', 'veth', 'peer', 'name', 'cli0', 'netns', client);
    ip('-n', server, 'address', 'add', `${serverAddress}/24`, 'dev', serverInterface);
    ip('-n', server, 'link', 'set', serverInterface, 'up');
    ip('-n', client, 'link', 'set', 'cli0', 'address', clientMac);
    ip('-n', client, 'link', 'set', 'cli0', 'up');
  } catch (error) {
    remove();
    throw error;
  }
  return {
    number,
    serverInterface,
    serverAddress,
    clientInterface: 'cli0',
    clientMac,
    onServer: ['ip', 'netns', 'exec', server],
    onClient: ['ip', 'netns', 'exec', client],
    async [Symbol.asyncDispose]() {
      remove();
    },
  };
}

export interface Output {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs a program to its end, for at most 60 s. */
export async function run(command: readonly string[], environment: Record<string, string> = {}): Promise<Output> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: Buffer.concat(stdout), stderr };
}
