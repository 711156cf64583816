/** The clients that load the servers, each in a process of its own on the clients' side of the network. */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { StageRecord } from '../../src/boot/trace.ts';
import type { BenchNetwork } from '../measured/network.ts';
import type { CrowdReport } from './crowd.ts';
import { type MachineTimes, machineTimes } from './machine-times.ts';
import type { TftpReport } from './tftp-load.ts';

const execute = promisify(execFile);
const launcher = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');

/** On the clients' side; gives what was written on stdout. */
async function run(network: BenchNetwork, ...args: string[]): Promise<string> {
  const [program = '', ...rest] = [...network.onClient, process.execPath, ...args];
  const { stdout } = await execute(program, rest, { timeout: 300_000, maxBuffer: 1 << 26 });
  return stdout;
}

export interface ProgramTimes extends MachineTimes {
  /** Milliseconds of the whole program, with the start of Node and what is to be taken back at the end. */
  readonly program: number;
}

/** `diskless boot` once, as far as the first sector. */
export async function bootProgram(network: BenchNetwork, folder: string): Promise<ProgramTimes> {
  const sector = join(folder, 'sector');
  const flags = ['--interface', network.clientInterface, '--read', '512', '--out', sector, '--json'];
  const started = performance.now();
  const report: { elapsed: number; stages: readonly StageRecord[] } = JSON.parse(
    await run(network, launcher, 'boot', ...flags),
  );
  const program = performance.now() - started;
  if (readFileSync(sector).readUInt16BE(510) !== 0x55aa) throw new Error('another sector was read than is there');
  return { ...machineTimes(report.stages, report.elapsed), program };
}

export async function bootCrowd(network: BenchNetwork, count: number, first: number): Promise<CrowdReport> {
  const crowd = join(import.meta.dirname, 'crowd.ts');
  const report: CrowdReport = JSON.parse(await run(network, crowd, network.clientInterface, `${count}`, `${first}`));
  if (report.failures.length === 0) return report;
  throw new Error(`${report.failures.length} of ${count} machines did not boot, the first with ${report.failures[0]}`);
}

export interface TftpLoad {
  readonly fileName: string;
  readonly count: number;
  readonly atOnce: number;
  /** Blocks between two ACKs, as it is asked for (RFC 7440). */
  readonly window: number;
}

export async function readByTftp(network: BenchNetwork, { fileName, count, atOnce, window }: TftpLoad) {
  const load = join(import.meta.dirname, 'tftp-load.ts');
  const args = [network.serverAddress, fileName, `${count}`, `${atOnce}`, `${window}`];
  const report: TftpReport = JSON.parse(await run(network, load, ...args));
  return report;
}
