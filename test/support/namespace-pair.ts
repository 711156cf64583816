/** Two network namespaces with a cable between them: `server` on one end, `client` on the other. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

function ip(...args: string[]): void {
  const result = spawnSync('ip', args, { encoding: 'utf8' });
  assert.equal(result.status, 0, `ip ${args.join(' ')}: ${result.stderr}`);
}

export interface CommandResult {
  readonly status: number | null;
  readonly output: string;
}

export class NamespacePair implements Disposable {
  readonly server: string;
  readonly client: string;

  /** `name` and this process's id name the namespaces. Interfaces are `server0` (192.0.2.1/24) and `client0` (no address). */
  constructor(name: string, clientMac: string) {
    this.server = `diskless-${name}-server-${process.pid}`;
    this.client = `diskless-${name}-client-${process.pid}`;
    ip('netns', 'add', this.server);
    ip('netns', 'add', this.client);
    ip('-n', this.server, 'link', 'add', 'server0', 'type', 'veth', 'peer', 'name', 'client0', 'netns', this.client);
    ip('-n', this.client, 'link', 'set', 'client0', 'address', clientMac);
    for (const [namespace, name_] of [
      [this.server, 'server0'],
      [this.client, 'client0'],
      [this.server, 'lo'],
      [this.client, 'lo'],
    ] as const) {
      ip('-n', namespace, 'link', 'set', name_, 'up');
    }
    ip('-n', this.server, 'address', 'add', '192.0.2.1/24', 'dev', 'server0');
  }

  setClientAddress(address: string): void {
    ip('-n', this.client, 'address', 'flush', 'dev', 'client0');
    ip('-n', this.client, 'address', 'add', `${address}/24`, 'dev', 'client0');
  }

  /** Runs a program to its end in the client's namespace; both of its outputs together. */
  async run(command: string, args: readonly string[], timeout = 30_000): Promise<CommandResult> {
    const child = spawn('ip', ['netns', 'exec', this.client, command, ...args], {
      timeout,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    const [status] = await once(child, 'close');
    return { status, output };
  }

  /** Starts one of this project's programs under test/support and gives its messages, one JSON value a line. */
  program(side: 'server' | 'client', path: string, settings: unknown): RunningProgram {
    return new RunningProgram(this[side], path, settings);
  }

  spawn(side: 'server' | 'client', command: string, args: readonly string[]): ChildProcess {
    return spawn('ip', ['netns', 'exec', this[side], command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  }

  [Symbol.dispose](): void {
    ip('netns', 'del', this.server);
    ip('netns', 'del', this.client);
  }
}

/** Ends a process and waits until it has gone. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  await closed;
}

/** Waits until a program has printed a line, whichever way it prints. */
export async function said(child: ChildProcess, pattern: RegExp, timeout = 20_000): Promise<void> {
  const { stdout, stderr } = child;
  assert.ok(stdout && stderr);
  let output = '';
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const listen = (chunk: Buffer) => {
    output += chunk;
    if (pattern.test(output)) resolve();
  };
  const timer = setTimeout(() => reject(new Error(`no ${pattern} within ${timeout} ms, but: ${output}`)), timeout);
  stdout.on('data', listen);
  stderr.on('data', listen);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    stdout.off('data', listen);
    stderr.off('data', listen);
  }
}

export class RunningProgram implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #messages: Record<string, unknown>[] = [];
  #stderr = '';
  #wake: () => void = () => {};

  constructor(namespace: string, path: string, settings: unknown) {
    const args = ['netns', 'exec', namespace, process.execPath, path, JSON.stringify(settings)];
    this.#child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const { stdout, stderr } = this.#child;
    assert.ok(stdout && stderr);
    createInterface({ input: stdout }).on('line', (line) => {
      this.#messages.push(JSON.parse(line));
      this.#wake();
    });
    stderr.on('data', (chunk) => {
      this.#stderr += chunk;
    });
    this.#child.on('close', () => this.#wake());
  }

  get messages(): readonly Record<string, unknown>[] {
    return this.#messages;
  }

  /** The first message, from the `from`-th on, that holds. */
  async message(
    holds: (message: Record<string, unknown>) => boolean,
    from = 0,
    timeout = 20_000,
  ): Promise<Record<string, unknown>> {
    const signal = AbortSignal.timeout(timeout);
    for (;;) {
      const found = this.#messages.slice(from).find(holds);
      if (found !== undefined) return found;
      const heard = `${this.#stderr}\nheard ${JSON.stringify(this.#messages.slice(from), undefined, 1)}`;
      assert.ok(this.#child.exitCode === null && this.#child.signalCode === null, `the program has ended: ${heard}`);
      assert.ok(!signal.aborted, `the message did not come within ${timeout} ms: ${heard}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#child);
  }
}
