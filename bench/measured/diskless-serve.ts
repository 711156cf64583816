/** `diskless serve` as it is, on a network of its own. */

import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchNetwork } from './network.ts';
import { type RunningProgram, startProgram } from './program.ts';

export interface ServeStart {
  readonly network: BenchNetwork;
  /** Has its image, its log and its state, which it goes on with when it is started again. */
  readonly folder: string;
  /** Has boot loaders; without it none are served. */
  readonly loaders?: string;
  /** A folder for a processor profile. */
  readonly profile?: string | undefined;
  /** Default: full. */
  readonly dhcp?: 'full' | 'off';
  /** Further flags of `serve`. */
  readonly flags?: readonly string[];
}

const IMAGE_SIZE = 1 << 20;
const launcher = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');

export async function startServe(start: ServeStart): Promise<RunningProgram> {
  const { network, folder, loaders = 'off', profile } = start;
  const image = join(folder, 'image.img');
  makeImage(image);
  const node = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const flags = [
    '--interface',
    network.serverInterface,
    '--dhcp',
    start.dhcp ?? 'full',
    '--loader-dir',
    loaders,
    '--json',
    ...(start.flags ?? []),
  ];
  const pool = start.dhcp === 'off' ? [] : ['--pool', `${network.pool.first}-${network.pool.last}`];
  const serve = [launcher, 'serve', image, ...flags, ...pool, '--data', join(folder, 'data')];
  return await startProgram({
    command: [...network.onServer, process.execPath, ...node, ...serve],
    log: join(folder, 'log'),
    isReady: (_pid, text) => text.includes('"event":"ready"'),
  });
}

function makeImage(path: string): void {
  const file = openSync(path, 'w');
  ftruncateSync(file, IMAGE_SIZE);
  // The signature of a boot sector: a pool takes nothing for a disk image that has no sign of one.
  writeSync(file, Uint8Array.of(0x55, 0xaa), 0, 2, 510);
  closeSync(file);
}
