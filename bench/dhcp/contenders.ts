/** The DHCP servers that are measured: `diskless serve`, and Kea with its quickest way to keep leases. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startServe } from '../measured/diskless-serve.ts';
import type { BenchNetwork } from '../measured/network.ts';
import { listens, type RunningProgram, startProgram } from '../measured/program.ts';

export const contenderNames = ['diskless', 'kea'] as const;
export type ContenderName = (typeof contenderNames)[number];

export interface Contender {
  readonly name: ContenderName;
  /** Starts it with the leases of its last run; returns once it answers. */
  start(): Promise<RunningProgram>;
}

/** `profile` is a folder for a processor profile of ours. */
export function makeContender(name: ContenderName, network: BenchNetwork, folder: string, profile?: string): Contender {
  const own = join(folder, name);
  mkdirSync(own);
  // Kea asks nobody whether an address is free before it offers it.
  const flags = ['--dhcp-probe', 'off'];
  const start =
    name === 'kea' ? () => startKea(network, own) : () => startServe({ network, folder: own, profile, flags });
  return { name, start };
}

/** One thread, leases in a file that is not synced, no log of single leases. */
async function startKea(network: BenchNetwork, folder: string): Promise<RunningProgram> {
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
  return await startProgram({
    command: [...network.onServer, ...environment, 'kea-dhcp4', '-c', config],
    log: join(folder, 'log'),
    isReady: (pid) => listens(pid, 67),
  });
}
