/** The DHCP servers that are measured: `diskless serve` as it is, and Kea with its quickest way to keep leases. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { BenchNetwork } from './network.ts';

export const contenderNames = ['diskless', 'kea'] as const;
export type ContenderName = (typeof contenderNames)[number];

export interface Contender {
  readonly name: ContenderName;
  /** Starts it with the leases of its last run; returns once it answers. */
  start(): Promise<RunningContender>;
}

export interface RunningContender extends AsyncDisposable {
  /** Seconds of processor time, all threads. */
  processorTime(): number;
}

/** `profile` is a folder for a processor profile of ours. */
export function makeContender(name: ContenderName, network: BenchNetwork, folder: string, profile?: string): Contender {
  const own = join(folder, name);
  mkdirSync(own);
  return { name, start: name === 'kea' ? () => startKea(network, own) : () => startDiskless(network, own, profile) };
}

const IMAGE_SIZE = 1 << 20;

async function startDiskless(network: BenchNetwork, folder: string, profile?: string): Promise<RunningContender> {
  const image = join(folder, 'image.img');
  makeImage(image);
  const launcher = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
  const node = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const flags = ['--interface', network.serverInterface, '--dhcp', 'full', '--loader-dir', 'off', '--json'];
  const pool = `${network.pool.first}-${network.pool.last}`;
  const serve = [launcher, 'serve', image, ...flags, '--pool', pool, '--data', join(folder, 'data')];
  const log = join(folder, 'log');
  return await run([...network.onServer, process.execPath, ...node, ...serve], log, '"event":"ready"', 'SIGTERM');
}

function makeImage(path: string): void {
  const file = openSync(path, 'w');
  ftruncateSync(file, IMAGE_SIZE);
  // The signature of a boot sector: a pool takes nothing for a disk image that has no sign of one.
  writeSync(file, Uint8Array.of(0x55, 0xaa), 0, 2, 510);
  closeSync(file);
}

/** One thread, leases in a file that is not synced, no log of single leases. */
async function startKea(network: BenchNetwork, folder: string): Promise<RunningContender> {
  const { serverInterface, subnet, pool } = network;
  const config = join(folder, 'kea.conf');
  const leases = { type: 'memfile', persist: true, name: join(folder, 'leases.csv'), 'lfc-interval': 0 };
  const Dhcp4 = {
    'interfaces-config': { interfaces: [serverInterface], 'dhcp-socket-type': 'udp' },
    'lease-database': leases,
    'multi-threading': { 'enable-multi-threading': false },
    'valid-lifetime': 43_200,
    subnet4: [{ id: 1, subnet, pools: [{ pool: `${pool.first} - ${pool.last}` }] }],
    loggers: [{ name: 'kea-dhcp4', output_options: [{ output: join(folder, 'kea.log') }], severity: 'WARN' }],
  };
  writeFileSync(config, JSON.stringify({ Dhcp4 }));
  const environment = ['env', `KEA_PIDFILE_DIR=${folder}`, `KEA_LOCKFILE_DIR=${folder}`];
  return await run(
    [...network.onServer, ...environment, 'kea-dhcp4', '-c', config],
    join(folder, 'log'),
    undefined,
    'SIGTERM',
  );
}

/** Without a word that says so, a server is taken to be ready when its socket is there. */
async function run(
  command: readonly string[],
  log: string,
  ready: string | undefined,
  signal: NodeJS.Signals,
): Promise<RunningContender> {
  const [program = '', ...args] = command;
  const output = openSync(log, 'w');
  const child = spawn(program, args, { stdio: ['ignore', output, output] });
  closeSync(output);
  const isReady = (): boolean =>
    ready === undefined ? listens(child) : existsSync(log) && readFileSync(log, 'latin1').includes(ready);
  for (let tries = 0; !isReady(); tries++) {
    if (child.exitCode !== null || tries > 200) {
      child.kill('SIGKILL');
      throw new Error(`${program} did not start: ${readFileSync(log, 'latin1')}`);
    }
    await setTimeout(50);
  }
  return {
    processorTime: () => processorTime(child),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'close');
      child.kill(signal);
      await ended;
    },
  };
}

/** Port 67, as /proc writes it. */
function listens({ pid }: ChildProcess): boolean {
  return /:0043 /.test(readFileSync(`/proc/${pid}/net/udp`, 'latin1'));
}

/** `ip netns exec` becomes the program that it runs. */
function processorTime({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
