/**
 * How many four-way exchanges in a second the DHCP server of `diskless serve` completes, beside Kea, in the same run:
 *
 *     npm run bench:dhcp [-- --rounds N] [--seconds N] [--from RATE] [--only diskless|kea] [--json FILE] [--profile FOLDER]
 *
 * Both serve the same pool to `perfdhcp` in a pair of network namespaces. The rate rises step by step until more than 6 % is dropped;
 * a server's peak is the most that it completed below that. Rounds alternate between the servers, and medians count. Ours has each
 * lease on the disk before it acknowledges it; Kea writes its file without a sync.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Progress } from '../scripts/progress.ts';
import { missing } from '../test/support/requires.ts';
import { type Contender, type ContenderName, contenderNames, makeContender } from './dhcp/contenders.ts';
import { type Exchanges, exchanges } from './dhcp/perfdhcp.ts';
import { type BenchNetwork, makeBenchNetwork } from './measured/network.ts';
import { type Summary, summarize } from './target/statistics.ts';
import { table } from './target/table.ts';

const MOST_DROPS = 0.06;
/** From one step to the next. */
const GROWTH = 1.12;

interface Climb {
  readonly steps: readonly (Exchanges & { readonly processorTime: number })[];
  /** Exchanges in a second. */
  readonly peak: number;
  /** Microseconds of the server's processor time for each exchange, at the peak. */
  readonly cost: number;
}

interface Report {
  readonly machine: string;
  readonly node: string;
  readonly when: string;
  readonly climbs: Partial<Record<ContenderName, readonly Climb[]>>;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '3' },
      from: { type: 'string', default: '8000' },
      only: { type: 'string' },
      json: { type: 'string' },
      profile: { type: 'string' },
    },
  });
  const absent = missing('ip', 'kea-dhcp4', 'perfdhcp');
  if (absent.length > 0) {
    console.error(`missing: ${absent.join(', ')} (Debian packages kea-dhcp4-server, kea-admin)`);
    return 2;
  }
  const progress = new Progress(process.stderr);
  await using resources = new AsyncDisposableStack();
  resources.defer(() => progress.close());
  const network = resources.use(makeBenchNetwork());
  const folder = await mkdtemp(join(tmpdir(), 'diskless-bench-dhcp-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  const names = contenderNames.filter((name) => values.only === undefined || values.only === name);
  const contenders = names.map((name) => makeContender(name, network, folder, values.profile));
  const climbs = new Map<ContenderName, Climb[]>();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const contender of contenders) {
      const stage = progress.stage(`${contender.name}, round ${round + 1}`);
      const climbed = await climb(contender, network, Number(values.from), Number(values.seconds));
      climbs.set(contender.name, [...(climbs.get(contender.name) ?? []), climbed]);
      stage.done(`${climbed.peak.toFixed(0)} exchanges/s`);
    }
  }
  const report: Report = {
    machine: `${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown'}`,
    node: process.version,
    when: new Date().toISOString(),
    climbs: Object.fromEntries(climbs),
  };
  console.log(render(report));
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
  return 0;
}

async function climb(contender: Contender, network: BenchNetwork, from: number, seconds: number): Promise<Climb> {
  await using server = await contender.start();
  // Lets the compiler of ours see what it will do, and gives leases to most clients.
  await exchanges(network, from / 2, seconds);
  const steps: Climb['steps'][number][] = [];
  for (let rate = from; ; rate = Math.round(rate * GROWTH)) {
    const before = server.processorTime();
    const result = await exchanges(network, rate, seconds);
    steps.push({ ...result, processorTime: server.processorTime() - before });
    if (result.drops > MOST_DROPS) break;
  }
  const [first, ...others] = steps.filter(({ drops }) => drops <= MOST_DROPS);
  if (first === undefined) return { steps, peak: 0, cost: Number.NaN };
  const best = others.reduce((one, other) => (other.completed > one.completed ? other : one), first);
  return { steps, peak: best.completed, cost: (best.processorTime / (best.completed * seconds)) * 1e6 };
}

function render({ machine, node, climbs }: Report): string {
  const rows = Object.entries(climbs).map(([name, runs]) => {
    const peak = summarize(runs.map((run) => run.peak));
    return [name, peak.median.toFixed(0), spreadText(peak), summarize(runs.map((run) => run.cost)).median.toFixed(0)];
  });
  const { diskless, kea } = climbs;
  const median = (runs: readonly Climb[]) => summarize(runs.map(({ peak }) => peak)).median;
  const ratio = diskless === undefined || kea === undefined ? [] : [median(diskless) / median(kea)];
  return [
    `${machine}, shared by server and perfdhcp; Node ${node}. Medians; ± is the whole spread; CPU is the server's own.`,
    table(['', 'exchanges/s', '±', 'CPU us each'], rows),
    ...ratio.map((value) => `ratio ${value.toFixed(2)} (goal: 1)`),
  ].join('\n\n');
}

function spreadText({ spread }: Summary): string {
  return `${(spread * 100).toFixed(0)} %`;
}

process.exitCode = await main();
