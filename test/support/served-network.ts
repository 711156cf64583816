/** A server's network and a client's, as two namespaces joined by a cable, for interop tests of the whole server. Needs root. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

export interface ServedNetwork extends AsyncDisposable {
  /** The interface to serve on, with the address 192.168.78.1/24. */
  readonly serverInterface: string;
  readonly serverAddress: string;
  readonly clientInterface: string;
  /** What goes before a program to run it on the server's or on the client's side. */
  readonly onServer: readonly string[];
  readonly onClient: readonly string[];
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}

/** `name` and this process's id name the namespaces. */
export function makeServedNetwork(name: string): ServedNetwork {
  const server = `${name}-server-${process.pid}`;
  const client = `${name}-client-${process.pid}`;
  const remove = () => {
    for (const namespace of [server, client]) spawnSync('ip', ['netns', 'delete', namespace]);
  };
  try {
    ip('netns', 'add', server);
    ip('netns', 'add', client);
    ip('-n', server, 'link', 'set', 'lo', 'up');
    ip('-n', client, 'link', 'set', 'lo', 'up');
    ip('-n', server, 'link', 'add', 'srv0', 'type', 'veth', 'peer', 'name', 'cli0', 'netns', client);
    ip('-n', server, 'address', 'add', '192.168.78.1/24', 'dev', 'srv0');
    ip('-n', server, 'link', 'set', 'srv0', 'up');
    ip('-n', client, 'link', 'set', 'cli0', 'address', '52:54:00:ab:cd:01');
    ip('-n', client, 'link', 'set', 'cli0', 'up');
  } catch (error) {
    remove();
    throw error;
  }
  return {
    serverInterface: 'srv0',
    serverAddress: '192.168.78.1',
    clientInterface: 'cli0',
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
