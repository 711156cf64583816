/** `diskless serve --json` as a program of its own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ServerEvent } from '../../src/server/events.ts';
import { freePort } from './free-port.ts';

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');

type EventNamed<Name extends ServerEvent['event']> = Extract<ServerEvent, { event: Name }>;

export class ServeProgram implements AsyncDisposable {
  readonly events: ServerEvent[] = [];
  readonly #child: ChildProcess;
  #stderr = '';
  #wake: (() => void)[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
  }

  /** Returns when it is ready. `wrapper` goes before the program, such as `ip netns exec NAME`. */
  static async start(args: readonly string[], wrapper: readonly string[] = []): Promise<ServeProgram> {
    const [program = '', ...rest] = [...wrapper, process.execPath, launcher, 'serve', ...args, '--json'];
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
    const server = new ServeProgram(child);
    createInterface({ input: child.stdout }).on('line', (line) => {
      server.events.push(JSON.parse(line) as ServerEvent);
      server.#wakeAll();
    });
    child.once('close', () => server.#wakeAll());
    await server.said('ready');
    return server;
  }

  get stderr(): string {
    return this.#stderr;
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  find<Name extends ServerEvent['event']>(name: Name): EventNamed<Name> | undefined {
    return this.events.find((event): event is EventNamed<Name> => event.event === name);
  }

  /** The first event of that name that holds, once it has been said: within 30 s. */
  async said<Name extends ServerEvent['event']>(
    name: Name,
    holds: (event: EventNamed<Name>) => boolean = () => true,
  ): Promise<EventNamed<Name>> {
    const deadline = AbortSignal.timeout(30_000);
    deadline.addEventListener('abort', () => this.#wakeAll(), { once: true });
    for (;;) {
      const found = this.events.find((event): event is EventNamed<Name> => {
        return event.event === name && holds(event as EventNamed<Name>);
      });
      if (found !== undefined) return found;
      if (this.#hasEnded || deadline.aborted) {
        throw new Error(`the server ${this.#hasEnded ? 'ended without' : 'has not said'} "${name}": ${this.report}`);
      }
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  /** All that it has said, and whether it is there, for a test that fails. */
  get report(): string {
    const end = this.#hasEnded ? `the server has ended (${this.#child.exitCode ?? this.#child.signalCode})` : '';
    return [this.#stderr, ...this.events.map((event) => JSON.stringify(event)), end].join('\n');
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Gives the exit code, or the signal that ended it. */
  async end(signal: NodeJS.Signals): Promise<number | string | null> {
    if (!this.#hasEnded) {
      const ended = once(this.#child, 'close');
      this.#child.kill(signal);
      await ended;
    }
    return this.#child.exitCode ?? this.#child.signalCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
  }
}

/** What makes a server serve nothing but disks, on this machine's own loopback: no root, no namespaces. */
export async function loopbackFlags(
  data: string,
): Promise<{ readonly flags: readonly string[]; readonly iscsiPort: number }> {
  const iscsiPort = await freePort();
  const ports = ['--iscsi-port', `${iscsiPort}`, '--tftp-port', `${await freePort()}`, '--http', `${await freePort()}`];
  return { iscsiPort, flags: ['--interface', 'lo', '--dhcp', 'off', '--loader-dir', 'off', '--data', data, ...ports] };
}
