/** `diskless target` as a program of its own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ISCSI_PORT } from '../../src/target/portal.ts';
import type { MachineNetwork } from './machine/network.ts';

const launcher = fileURLToPath(new URL('../../bin/diskless.js', import.meta.url));
const askingTarget = fileURLToPath(new URL('asking-target.ts', import.meta.url));
const overlayTarget = fileURLToPath(new URL('overlay-target.ts', import.meta.url));

/** Of what a target says, for a test that fails. */
const LINES_KEPT = 100;

export const PROGRAM_TARGET_NAME = 'iqn.2026-11.internal.test:program';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** Runs `diskless` with arguments that are expected to fail, until it ends. */
export async function runToItsEnd(args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [launcher, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => lines.push(line));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stderr: lines.join('\n') };
}

export class TargetProgram implements AsyncDisposable {
  readonly #child: ChildProcess;
  /** Address and port, as `--listen` takes them. */
  readonly portal: string;
  /** What it said on stderr when it was ready. */
  readonly readyLine: string;
  readonly #said: string[] = [];

  private constructor(child: ChildProcess, lines: Interface, readyLine: string, portal: string) {
    this.#child = child;
    lines.on('line', (line) => {
      this.#said.push(line);
      if (this.#said.length > LINES_KEPT) this.#said.shift();
    });
    this.readyLine = readyLine;
    this.portal = portal;
  }

  /** On the loopback interface, at a port that the kernel chooses. */
  static start(file: string, ...flags: readonly string[]): Promise<TargetProgram> {
    return TargetProgram.#launch(process.execPath, targetArguments(file, '127.0.0.1:0', flags));
  }

  /** On a network of machines, at the port that everybody knows. */
  static startIn(
    network: Pick<MachineNetwork, 'address' | 'inside'>,
    file: string,
    ...flags: readonly string[]
  ): Promise<TargetProgram> {
    const args = targetArguments(file, `${network.address}:${ISCSI_PORT}`, flags);
    return TargetProgram.#launch(...network.inside(process.execPath, ...args));
  }

  /** On a network of machines: a target that asks for a logout, to be done within `seconds`, when `askForLogout` is called. */
  static startAskingIn(
    network: Pick<MachineNetwork, 'address' | 'inside'>,
    file: string,
    seconds: number,
  ): Promise<TargetProgram> {
    const args = [askingTarget, file, PROGRAM_TARGET_NAME, `${network.address}:${ISCSI_PORT}`, String(seconds)];
    return TargetProgram.#launch(...network.inside(process.execPath, ...args));
  }

  /** On a network of machines: a target with the copy-on-write disk in a folder, for who is in the CHAP file. */
  static startOverlayIn(
    network: Pick<MachineNetwork, 'address' | 'inside'>,
    folder: string,
    chapFile: string,
  ): Promise<TargetProgram> {
    const args = [overlayTarget, folder, chapFile, PROGRAM_TARGET_NAME, `${network.address}:${ISCSI_PORT}`];
    return TargetProgram.#launch(...network.inside(process.execPath, ...args));
  }

  static async #launch(program: string, args: readonly string[]): Promise<TargetProgram> {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const lines = createInterface({ input: child.stderr });
    const ended = once(child, 'close').then(() => [undefined]);
    const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string | undefined];
    if (line === undefined) throw new Error('diskless target ended without a word');
    const portal = / at ([0-9.]+:\d+)$/.exec(line)?.[1];
    if (portal === undefined) throw new Error(`diskless target: ${line}`);
    return new TargetProgram(child, lines, line, portal);
  }

  /** The last of what it has said since it was ready: who came, who went, and why. */
  get said(): string {
    return this.#said.join('\n');
  }

  get port(): number {
    return Number(this.portal.slice(this.portal.indexOf(':') + 1));
  }

  /** The URL of LUN 0, as libiscsi and QEMU write it. */
  get url(): string {
    return `iscsi://${this.portal}/${PROGRAM_TARGET_NAME}/0`;
  }

  askForLogout(): void {
    this.#child.kill('SIGUSR2');
  }

  /** Stops it as a machine does that stands still: it keeps its connections and answers nothing, until it is killed. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  /** Ends it by a signal; gives its exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode;
    const ended = once(this.#child, 'exit');
    this.#child.kill(signal);
    await ended;
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
  }
}

function targetArguments(file: string, listen: string, flags: readonly string[]): string[] {
  return [launcher, 'target', file, '--name', PROGRAM_TARGET_NAME, '--listen', listen, ...flags];
}
