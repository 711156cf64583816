/**
 * How long a boot takes, and how many at once take, and what TFTP adds:
 *
 *     npm run bench:boot [-- --rounds N] [--only boot|tftp] [--way TEXT] [--least N] [--most N] [--json FILE] [--profile FOLDER]
 *
 * Against `diskless serve` in a pair of network namespaces: the boot client as a program, cold to the first sector of its disk; 1, 10,
 * 100 and 1,000 machines at once, each the same client with a new Ethernet address (a new lease, a new disk), all in one process. All
 * of it by every way to the disk: DHCP names the whole of it, or SLP or iSNS is asked for the rest.
 * And a loader of 1 MB by TFTP from `diskless serve`, `tftpd-hpa` and `dnsmasq`, in turns, one client and 32 at once.
 */

import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Progress } from '../scripts/progress.ts';
import { missing } from '../test/support/requires.ts';
import { bootCrowd, bootProgram, readByTftp, type TftpLoad } from './boot/loads.ts';
import { macOf } from './boot/machine.ts';
import { type BootRound, type Report, render, type TftpRound } from './boot/report.ts';
import { startSiteDhcp } from './boot/site-dhcp.ts';
import { startTftpServer, tftpServerNames } from './boot/tftp-servers.ts';
import { type Way, ways } from './boot/ways.ts';
import { startServe } from './measured/diskless-serve.ts';
import { type BenchNetwork, makeBenchNetwork } from './measured/network.ts';

const CROWDS = [1, 10, 100, 1000] as const;
const LOADER = 'snponly.efi';
const LOADER_LENGTH = 1 << 20;
const loads: readonly TftpLoad[] = [
  { fileName: LOADER, count: 20, atOnce: 1, window: 1 },
  { fileName: LOADER, count: 64, atOnce: 32, window: 1 },
  { fileName: LOADER, count: 20, atOnce: 1, window: 8 },
  { fileName: LOADER, count: 64, atOnce: 32, window: 8 },
];

interface Bench {
  readonly network: BenchNetwork;
  readonly folder: string;
  readonly progress: Progress;
  readonly profile: string | undefined;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      only: { type: 'string' },
      way: { type: 'string', default: '' },
      least: { type: 'string', default: '1' },
      most: { type: 'string', default: '1000' },
      json: { type: 'string' },
      profile: { type: 'string' },
    },
  });
  const absent = missing('ip', 'dnsmasq', ...(values.only === 'boot' ? [] : ['in.tftpd']));
  if (absent.length > 0) {
    console.error(`missing: ${absent.join(', ')} (Debian packages iproute2, tftpd-hpa, dnsmasq-base)`);
    return 2;
  }
  const progress = new Progress(process.stderr);
  await using resources = new AsyncDisposableStack();
  resources.defer(() => progress.close());
  const network = resources.use(makeBenchNetwork());
  const folder = await mkdtemp(join(tmpdir(), 'diskless-bench-boot-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  const bench = { network, folder, progress, profile: values.profile };
  const crowds = CROWDS.filter((count) => count >= Number(values.least) && count <= Number(values.most));
  const wanted = values.only === 'tftp' ? [] : ways.filter(({ title }) => title.includes(values.way));
  const boots: BootRound[] = [];
  const tftp: TftpRound[] = [];
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const way of wanted) boots.push(...(await bootRound(bench, way, round, crowds)));
    if (values.only !== 'boot') tftp.push(...(await tftpRound(bench, round)));
  }
  const machine = `${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown'}`;
  const report: Report = { machine, node: process.version, when: new Date().toISOString(), boots, tftp };
  console.log(render(report));
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
  return 0;
}

/** Each on servers that were just started, without a lease or a disk. */
async function bootRound(bench: Bench, way: Way, round: number, crowds: readonly number[]): Promise<BootRound[]> {
  const { network, progress, profile } = bench;
  const { siteDhcp } = way;
  const first = round << 16;
  const rounds: BootRound[] = [];
  for (const count of ['program', ...crowds] as const) {
    const stage = progress.stage(`${way.title}: boot ${count}, round ${round}`);
    const folder = await mkdtemp(join(bench.folder, 'boot-'));
    const dhcp = siteDhcp === undefined ? 'full' : 'off';
    await using started = new AsyncDisposableStack();
    const server = started.use(await startServe({ network, folder, profile, dhcp, flags: way.serve }));
    if (siteDhcp !== undefined) {
      const crowd = Array.from({ length: count === 'program' ? 0 : count }, (_, index) => macOf(first + index));
      started.use(await startSiteDhcp(siteDhcp, network, [network.clientMac, ...crowd], folder));
    }
    const before = server.processorTime();
    const ran =
      count === 'program'
        ? { program: await bootProgram(network, folder) }
        : { crowd: await bootCrowd(network, count, first) };
    const processorTime = server.processorTime() - before;
    rounds.push({ ...ran, way: way.title, processorTime, memory: server.memory() });
    stage.done(`${('program' in ran ? ran.program.program : ran.crowd.elapsed).toFixed(0)} ms`);
  }
  return rounds;
}

async function tftpRound({ network, folder, progress, profile }: Bench, round: number): Promise<TftpRound[]> {
  const files = join(folder, 'loaders');
  mkdirSync(files, { recursive: true });
  for (const name of [LOADER, 'undionly.kpxe']) writeFileSync(join(files, name), randomBytes(LOADER_LENGTH));
  const rounds: TftpRound[] = [];
  for (const server of tftpServerNames) {
    const stage = progress.stage(`TFTP ${server}, round ${round}`);
    await using running = await startTftpServer(server, network, files, folder, profile);
    for (const load of loads) {
      const before = running.processorTime();
      const { times, elapsed, length } = await readByTftp(network, load);
      if (length !== LOADER_LENGTH) throw new Error(`${server} gave ${length} bytes`);
      const processorTime = (running.processorTime() - before) / (load.count + 2);
      rounds.push({ server, atOnce: load.atOnce, window: load.window, times, elapsed, processorTime });
    }
    stage.done('done');
  }
  return rounds;
}

process.exitCode = await main();
