/** `diskless serve` as a process of its own inside a machine network, started, stopped and killed as an administrator would. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ServerEvent } from '../../../src/server/events.ts';
import type { MachineNetwork } from './network.ts';

export interface ServerOptions {
  readonly network: Pick<MachineNetwork, 'bridge' | 'inside'>;
  readonly image: string;
  /** The server's `--data` directory. */
  readonly data: string;
  /** More flags of `diskless serve`. */
  readonly flags?: readonly string[];
  readonly onEvent?: (event: ServerEvent) => void;
  /** Milliseconds; the first start of a server reads its whole image. */
  readonly startTimeout?: number;
}

export interface BootServer extends AsyncDisposable {
  /** Everything it said so far. */
  readonly events: readonly ServerEvent[];
  /** Waits for an event, also one that has been. */
  event(wanted: (event: ServerEvent) => boolean, timeout: number): Promise<ServerEvent>;
  /** SIGTERM, as a service manager stops it; gives the exit code. */
  stop(timeout?: number): Promise<number | null>;
  /** SIGKILL, as a power cut does. */
  kill(): Promise<void>;
}

const program = join(import.meta.dirname, '..', '..', '..', 'bin', 'diskless.js');
const stopTimeout = 30_000;

/** Starts the server and waits until it says that it is ready. Rejects with what it said on stderr when it ends before that. */
export async function startServer(options: ServerOptions): Promise<BootServer> {
  const server = new ServerProcess(options);
  try {
    await server.event((event) => event.event === 'ready', options.startTimeout ?? 60_000);
  } catch (error) {
    await server.kill();
    throw error;
  }
  return server;
}

class ServerProcess implements BootServer {
  readonly events: ServerEvent[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  readonly #onEvent: (event: ServerEvent) => void;
  readonly #listeners = new Set<() => void>();
  #ended = false;
  #complaint = '';

  constructor({ network, image, data, flags = [], onEvent }: ServerOptions) {
    this.#onEvent = onEvent ?? (() => {});
    const args = [program, 'serve', image, '--interface', network.bridge, '--data', data, '--json', ...flags];
    const child = spawn(...network.inside(process.execPath, ...args), {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A terminal's Ctrl-C is for the program that owns this server; it then stops the server in order.
      detached: true,
    });
    createInterface({ input: child.stdout }).on('line', (line) => this.#take(JSON.parse(line)));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#complaint += chunk;
    });
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#complaint += error.message;
        resolve(null);
      });
      child.once('close', (code) => resolve(code));
    });
    this.#exited.then(() => {
      this.#ended = true;
      this.#wake();
    });
    this.#child = child;
  }

  async event(wanted: (event: ServerEvent) => boolean, timeout: number): Promise<ServerEvent> {
    const deadline = performance.now() + timeout;
    for (let seen = 0; ; ) {
      const found = this.events.slice(seen).find(wanted);
      if (found !== undefined) return found;
      seen = this.events.length;
      if (this.#ended) throw new Error(`the server ended: ${this.#complaint.trim()}`);
      const left = deadline - performance.now();
      if (left <= 0)
        throw new Error(
          `the server did not say what was expected within ${timeout / 1000} s: ${this.#complaint.trim()}`,
        );
      await this.#nextEvent(left);
    }
  }

  async stop(timeout = stopTimeout): Promise<number | null> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), timeout);
    try {
      return await this.#exited;
    } finally {
      clearTimeout(timer);
    }
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) await this.stop();
  }

  #take(event: ServerEvent): void {
    this.events.push(event);
    this.#onEvent(event);
    this.#wake();
  }

  #wake(): void {
    for (const listener of this.#listeners) listener();
  }

  #nextEvent(timeout: number): Promise<void> {
    return new Promise((resolve) => {
      const settle = () => {
        clearTimeout(timer);
        this.#listeners.delete(settle);
        resolve();
      };
      const timer = setTimeout(settle, timeout);
      this.#listeners.add(settle);
    });
  }
}
