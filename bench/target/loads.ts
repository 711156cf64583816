/** The clients: what they do to a contender, and how much of it they got done. */

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Contender } from './contenders.ts';

/** What one run got done. */
export interface Work {
  /** Commands per second. */
  readonly rate: number;
  readonly commands: number;
}

const BLOCK = 512;

export interface ReadLoad {
  readonly size: number;
  readonly random: boolean;
  readonly depth: number;
  readonly sessions: number;
  readonly headerDigest: boolean;
  /** The processors that the clients keep to, leaving them to everybody else who wants them. */
  readonly background?: string;
}

/**
 * libiscsi's `iscsi-perf`, one process per session. Each counts for so many seconds from its own beginning. A server that lets some of
 * them wait makes them run after each other, so the sum of their rates would be more than it ever did: their commands are over the time
 * in which any of them counted.
 */
export async function readByIscsiPerf(contender: Contender, load: ReadLoad, seconds: number): Promise<Work> {
  const digest = load.headerDigest ? '?header_digest=crc32c' : '';
  const runs = await Promise.all(
    Array.from({ length: load.sessions }, async (_, session) => {
      const initiator = `iqn.2026-11.internal.diskless.bench:perf-${session}`;
      const options = ['-i', initiator, '-m', `${load.depth}`, '-b', `${load.size / BLOCK}`, '-t', `${seconds}`];
      const args = [...options, ...(load.random ? ['-r'] : []), `${urlOf(contender)}${digest}`];
      const output =
        load.background === undefined
          ? await run('iscsi-perf', args)
          : await run('taskset', ['-c', load.background, 'chrt', '--idle', '0', 'iscsi-perf', ...args]);
      return { commands: numberIn(output, /iops average (\d+)/g, 'iscsi-perf') * seconds, end: performance.now() };
    }),
  );
  const commands = runs.reduce((sum, run) => sum + run.commands, 0);
  const ends = runs.map(({ end }) => end);
  const between = (Math.max(...ends) - Math.min(...ends)) / 1000;
  return { rate: commands / (seconds + between), commands };
}

export interface WriteLoad {
  readonly size: number;
  readonly depth: number;
  readonly count: number;
  /** Where the first write goes; the others follow it. */
  readonly offset: number;
}

/** QEMU's initiator by `qemu-img bench`. */
export async function writeByQemu(contender: Contender, load: WriteLoad): Promise<Work> {
  const { size, depth, count, offset } = load;
  const options = [
    '-w',
    '-f',
    'raw',
    '-t',
    'none',
    '-c',
    `${count}`,
    '-d',
    `${depth}`,
    '-s',
    `${size}`,
    '-o',
    `${offset}`,
  ];
  const output = await run('qemu-img', ['bench', ...options, urlOf(contender)]);
  return { rate: count / numberIn(output, /completed in ([\d.]+) seconds/g, 'qemu-img bench'), commands: count };
}

/** What our own initiator does: all sessions in one process. */
export interface InitiatorLoad {
  readonly operation: 'read' | 'write';
  readonly size: number;
  readonly random: boolean;
  readonly depth: number;
  readonly sessions: number;
  /** Header and data digests. */
  readonly digests: boolean;
}

/** This project's own initiator, for what the others cannot do. */
export async function loadByInitiator(contender: Contender, load: InitiatorLoad, seconds: number): Promise<Work> {
  const output = await runProgram('initiator-load.ts', contender, [JSON.stringify({ ...load, seconds })]);
  const rate = numberIn(output, /([\d.]+) commands\/s/g, 'initiator-load');
  return { rate, commands: rate * seconds };
}

export interface Latency {
  /** Microseconds. */
  readonly median: number;
  readonly p90: number;
  readonly p99: number;
}

/** One session that asks for 4 KiB at a time and pauses between, on the given processors and before all others there. */
export async function politeLatency(contender: Contender, processors: string, seconds: number): Promise<Latency> {
  const reader = [process.execPath, ...programArguments('polite-reader.ts', contender, [`${seconds}`])];
  return JSON.parse(await run('taskset', ['-c', processors, ...reader]));
}

function runProgram(file: string, contender: Contender, args: readonly string[]): Promise<string> {
  return run(process.execPath, programArguments(file, contender, args));
}

function programArguments(file: string, contender: Contender, args: readonly string[]): string[] {
  const { address, port, targetName, lun } = contender;
  return [join(import.meta.dirname, file), address, `${port}`, targetName, `${lun}`, ...args];
}

/** Keeps a server, with all its threads, to some processors. */
export async function keepTo(processors: string, { processId }: Contender): Promise<void> {
  await run('taskset', ['--all-tasks', '--cpu-list', '--pid', processors, `${processId}`]);
}

export function urlOf({ address, port, targetName, lun }: Contender): string {
  return `iscsi://${address}:${port}/${targetName}/${lun}`;
}

function numberIn(output: string, pattern: RegExp, program: string): number {
  const last = [...output.matchAll(pattern)].at(-1)?.[1];
  if (last === undefined) throw new Error(`${program} gave no result: ${output.slice(-300)}`);
  return Number(last);
}

/** Far longer than any load is asked to run: a server that hangs must not hang the benchmark. Milliseconds. */
const TIME_LIMIT = 120_000;

const running = new Set<ChildProcess>();

/** Ends the clients that still run: left alone, they would look for their server for ever. */
export function endClients(): void {
  for (const child of running) child.kill('SIGKILL');
}

function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIME_LIMIT,
      killSignal: 'SIGKILL',
    });
    running.add(child);
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      running.delete(child);
      const output = Buffer.concat(chunks).toString('latin1');
      if (code === 0) resolve(output);
      else reject(new Error(`${program} ${args.join(' ')} ended with ${code ?? signal}: ${output.slice(-300)}`));
    });
  });
}
