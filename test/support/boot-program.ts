/** `diskless boot` as a program that goes on: it has handed the disk over, and waits for a signal. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { MachineNetwork } from './machine/network.ts';

const launcher = fileURLToPath(new URL('../../bin/diskless.js', import.meta.url));

export class BootProgram implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #complaints: string[];
  /** Its last line on stdout: where the disk is. */
  readonly handedOver: string;

  private constructor(child: ChildProcess, handedOver: string, complaints: string[]) {
    this.#child = child;
    this.#complaints = complaints;
    this.handedOver = handedOver;
  }

  /** Resolves when it says where the disk is. */
  static start(...flags: readonly string[]): Promise<BootProgram> {
    return BootProgram.#launch(process.execPath, [launcher, 'boot', ...flags]);
  }

  /** The same on a network of machines. */
  static startIn(network: Pick<MachineNetwork, 'inside'>, ...flags: readonly string[]): Promise<BootProgram> {
    return BootProgram.#launch(...network.inside(process.execPath, launcher, 'boot', ...flags));
  }

  static async #launch(program: string, args: readonly string[]): Promise<BootProgram> {
    // Settings of the shell that runs the tests must not reach the program.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DISKLESS_')));
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    const complaints: string[] = [];
    createInterface({ input: child.stderr }).on('line', (line) => complaints.push(line));
    for await (const line of createInterface({ input: child.stdout })) {
      if (/^the disk is /.test(line)) return new BootProgram(child, line, complaints);
    }
    throw new Error(`diskless boot ended: ${complaints.join('\n')}`);
  }

  /** What it has said on stderr. */
  get complaints(): readonly string[] {
    return this.#complaints;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Ends it by a signal; gives its exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.#child.kill(signal);
    return this.ended();
  }

  /** Resolves with its exit code, when it has ended. */
  async ended(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'close');
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
  }
}
