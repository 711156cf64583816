/**
 * How fast the iSCSI target is, beside `tgtd` and beside the least that a Node process can do, in the same run on the same machine:
 *
 *     npm run bench:target [-- --quick] [--only PATTERN] [--rounds N] [--seconds N] [--json FILE] [--profile FOLDER]
 *
 * All serve the same image from memory to the same clients; rounds alternate between the servers, and medians count. Ours serves what
 * `diskless serve` does: a copy-on-write disk over a cached image. Clients and servers share the processors.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Progress } from '../scripts/progress.ts';
import { missing } from '../test/support/requires.ts';
import { type Contender, type ContenderName, contenderNames, IMAGE_SIZE, startContender } from './target/contenders.ts';
import { endClients, keepTo, type Latency, politeLatency, readByIscsiPerf, writeByQemu } from './target/loads.ts';
import { type Row, rows } from './target/rows.ts';
import { type Summary, summarize } from './target/statistics.ts';
import { table } from './target/table.ts';

interface RowResult {
  readonly name: string;
  readonly size: number;
  readonly goal: number | undefined;
  readonly rates: Partial<Record<ContenderName, Summary>>;
  /** Microseconds of the server's processor time for each command: steadier than rates on a machine that has other work. */
  readonly processorTimes: Partial<Record<ContenderName, Summary>>;
}

interface FairnessResult {
  readonly contender: ContenderName;
  /** What is read. */
  readonly blocks: 'the image' | 'a written disk';
  readonly alone: Latency;
  readonly beside: Latency;
}

interface IdleResult {
  readonly contender: ContenderName;
  readonly sessions: number;
  /** Bytes. */
  readonly empty: number;
  readonly full: number;
}

interface Report {
  readonly machine: string;
  readonly node: string;
  readonly when: string;
  readonly rows: readonly RowResult[];
  readonly fairness: readonly FairnessResult[];
  readonly idle: readonly IdleResult[];
}

const GREEDY_SESSIONS = 31;
/** Seconds until all of them read: they start behind everybody else. */
const GREEDY_START = 1;
const IDLE_SESSIONS = 1000;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      json: { type: 'string' },
      profile: { type: 'string' },
    },
  });
  const absent = missing('chrt', 'iscsi-perf', 'qemu-img', 'taskset', 'tgtd', 'tgtadm');
  if (absent.length > 0) {
    console.error(`missing: ${absent.join(', ')} (Debian packages libiscsi-bin, qemu-utils, qemu-block-extra, tgt)`);
    return 2;
  }
  const rounds = Number(values.rounds ?? (values.quick ? 3 : 5));
  const seconds = Number(values.seconds ?? (values.quick ? 1 : 2));
  const pattern = new RegExp(values.only ?? '', 'i');
  const chosen = rows.filter((row) => (!values.quick || row.quick) && pattern.test(row.name));
  const progress = new Progress(process.stderr);
  await using resources = new AsyncDisposableStack();
  // The timer of a stage that failed would keep the process.
  resources.defer(() => progress.close());
  // The load that a signal ends fails, and so the whole run does, in good order.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, endClients);
  resources.defer(endClients);
  const folder = values.profile ?? (await mkdtemp(join(tmpdir(), 'diskless-bench-')));
  if (values.profile === undefined) resources.defer(() => rm(folder, { recursive: true, force: true }));
  const image = join(folder, 'image.img');
  await makeImage(image);
  const contenders: Contender[] = [];
  for (const name of contenderNames) {
    contenders.push(resources.use(await startContender(name, image, folder, values.profile !== undefined)));
  }
  const withFairness = pattern.test('polite session');
  // An empty server is only empty before the first load, and an image only the image's before the first WRITE.
  const idle = pattern.test('idle sessions') ? await measureIdle(contenders, progress) : [];
  await warmUp(contenders);
  const fairness = withFairness ? await measureFairness(contenders, 'the image', rounds, seconds, progress) : [];
  const measured = await measureRows(chosen, contenders, rounds, seconds, progress);
  if (withFairness) {
    const written = contenders.filter(({ name }) => name !== 'bare');
    for (const contender of written) await writeWhole(contender);
    fairness.push(...(await measureFairness(written, 'a written disk', rounds, seconds, progress)));
  }
  const report: Report = {
    machine: `${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown'}`,
    node: process.version,
    when: new Date().toISOString(),
    idle,
    rows: measured,
    fairness,
  };
  console.log(render(report));
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
  return 0;
}

/** Random bytes: nothing can be found out about them by looking for zeros. */
async function makeImage(path: string): Promise<void> {
  await using file = await open(path, 'w');
  const chunk = crypto.getRandomValues(new Uint8Array(1 << 16));
  for (let offset = 0; offset < IMAGE_SIZE; offset += chunk.length) {
    // Each chunk differs from the others at its start.
    new DataView(chunk.buffer).setUint32(0, offset);
    await file.write(chunk, 0, chunk.length, offset);
  }
  // The signature of a boot sector: a pool takes nothing for a disk image that has no sign of one.
  await file.write(Uint8Array.of(0x55, 0xaa), 0, 2, 510);
}

async function measureRows(
  chosen: readonly Row[],
  contenders: readonly Contender[],
  rounds: number,
  seconds: number,
  progress: Progress,
): Promise<RowResult[]> {
  const results: RowResult[] = [];
  let isWarmForWrites = false;
  for (const row of chosen) {
    if (row.writes && !isWarmForWrites) {
      await warmUpForWrites(contenders.filter(({ name }) => row.contenders.includes(name)));
      isWarmForWrites = true;
    }
    const stage = progress.stage(row.name);
    const rates = new Map<ContenderName, number[]>();
    const times = new Map<ContenderName, number[]>();
    for (let round = 0; round < rounds; round++) {
      for (const contender of contenders.filter(({ name }) => row.contenders.includes(name))) {
        const before = await contender.processorTime();
        const { rate, commands } = await row.measure(contender, seconds, round);
        const used = (await contender.processorTime()) - before;
        rates.set(contender.name, [...(rates.get(contender.name) ?? []), rate]);
        times.set(contender.name, [...(times.get(contender.name) ?? []), (used / commands) * 1e6]);
      }
    }
    const { name, size, goal } = row;
    const result = { name, size, goal, rates: summarizeEach(rates), processorTimes: summarizeEach(times) };
    results.push(result);
    stage.done(rowText(result).slice(1).join('  '));
  }
  return results;
}

function summarizeEach(runs: ReadonlyMap<ContenderName, readonly number[]>): Partial<Record<ContenderName, Summary>> {
  return Object.fromEntries([...runs].map(([name, values]) => [name, summarize(values)]));
}

/** Fills caches, and lets the compiler of the Node processes see what they will do. */
async function warmUp(contenders: readonly Contender[]): Promise<void> {
  const load = { depth: 32, sessions: 1, headerDigest: false };
  for (const contender of contenders) {
    await readByIscsiPerf(contender, { ...load, size: 256 * 1024, random: false }, 1);
    await readByIscsiPerf(contender, { ...load, size: 4096, random: true }, 1);
  }
}

/**
 * The same for WRITEs, when the first of them is to be measured: code that has seen both takes a tenth longer for a READ. At the end of the
 * disk, as the first rounds of the rows are to write what was never written.
 */
async function warmUpForWrites(contenders: readonly Contender[]): Promise<void> {
  const writes = { depth: 32, size: 4096, count: 8000 };
  const offset = IMAGE_SIZE - writes.count * writes.size;
  for (const contender of contenders) await writeByQemu(contender, { ...writes, offset });
}

/** Each block of the disk is its own from now on. */
async function writeWhole(contender: Contender): Promise<void> {
  const size = 256 * 1024;
  await writeByQemu(contender, { depth: 8, size, count: IMAGE_SIZE / size, offset: 0 });
}

async function measureFairness(
  contenders: readonly Contender[],
  blocks: FairnessResult['blocks'],
  rounds: number,
  seconds: number,
  progress: Progress,
): Promise<FairnessResult[]> {
  const stage = progress.stage(`one polite session beside ${GREEDY_SESSIONS} greedy ones, on ${blocks}`);
  // Server and polite client are on machines of their own, as it were: on one, the time for which each waits for a processor would be
  // most of what is measured. (A server at real-time priority is halted for 50 ms of each second that it is busy in.)
  const [server, clients] = processorsApart();
  const greedy = {
    size: 4096,
    random: true,
    depth: 32,
    sessions: GREEDY_SESSIONS,
    headerDigest: false,
    background: clients,
  };
  // The compiler must have seen many sessions: it works on the server's own processor here.
  for (const contender of contenders) await readByIscsiPerf(contender, greedy, seconds);
  const runs = new Map<Contender, { alone: Latency[]; beside: Latency[] }>();
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) {
      const own = runs.get(contender) ?? { alone: [], beside: [] };
      runs.set(contender, own);
      await keepTo(server, contender);
      own.alone.push(await politeLatency(contender, clients, seconds));
      const load = readByIscsiPerf(contender, greedy, seconds + GREEDY_START + 2);
      await setTimeout(GREEDY_START * 1000);
      own.beside.push(await politeLatency(contender, clients, seconds));
      await load;
      await keepTo(allProcessors, contender);
    }
  }
  stage.done();
  return [...runs].map(([{ name }, { alone, beside }]) => ({
    contender: name,
    blocks,
    alone: medianLatency(alone),
    beside: medianLatency(beside),
  }));
}

const allProcessors = `0-${availableParallelism() - 1}`;

/** The first for the server, the others for its clients, as `taskset` lists them. */
function processorsApart(): readonly [server: string, clients: string] {
  const count = availableParallelism();
  return count === 1 ? ['0', '0'] : ['0', `1-${count - 1}`];
}

function medianLatency(runs: readonly Latency[]): Latency {
  return {
    median: summarize(runs.map(({ median }) => median)).median,
    p90: summarize(runs.map(({ p90 }) => p90)).median,
    p99: summarize(runs.map(({ p99 }) => p99)).median,
  };
}

async function measureIdle(contenders: readonly Contender[], progress: Progress): Promise<IdleResult[]> {
  const stage = progress.stage(`${IDLE_SESSIONS} idle sessions`);
  const results: IdleResult[] = [];
  for (const contender of contenders.filter(({ name }) => name !== 'bare')) {
    const empty = await contender.residentMemory();
    const program = join(import.meta.dirname, 'target/idle-sessions.ts');
    const { address, port, targetName, lun } = contender;
    const args = [program, address, `${port}`, targetName, `${lun}`, `${IDLE_SESSIONS}`];
    const clients = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    await Promise.race([
      once(clients.stdout, 'data'),
      once(clients, 'exit').then(() => {
        throw new Error(`${contender.name} did not take ${IDLE_SESSIONS} sessions`);
      }),
    ]);
    results.push({ contender: contender.name, sessions: IDLE_SESSIONS, empty, full: await contender.residentMemory() });
    const ended = once(clients, 'exit');
    clients.stdin.end();
    await ended;
  }
  stage.done();
  return results;
}

function render(report: Report): string {
  const head = [
    '',
    'diskless/s',
    '±',
    'tgtd/s',
    '±',
    'ratio',
    'goal',
    'MB/s',
    'bare/s',
    'of bare',
    'CPU us',
    'tgtd',
    'bare',
  ];
  const parts = [
    `${report.machine}, shared by clients and servers; Node ${report.node}. Medians; ± is the whole spread; CPU is the server's own, for each command.`,
    ...(report.rows.length === 0 ? [] : [table(head, report.rows.map(rowText))]),
    ...report.fairness.map(
      ({ contender, blocks, alone, beside }) =>
        `${contender}, ${blocks}: a polite 4 KiB read takes ${latencyText(alone)} alone, ${latencyText(beside)} beside ${GREEDY_SESSIONS} greedy sessions: p99 beside is ${(beside.p99 / alone.median).toFixed(1)} x the median alone (goal: at most 3 x; p99 alone is ${(alone.p99 / alone.median).toFixed(1)} x)`,
    ),
    ...report.idle.map(
      ({ contender, sessions, empty, full }) =>
        `${contender}: ${sessions} idle sessions take ${mebibytes(full - empty)} MiB over the ${mebibytes(empty)} MiB of the empty server${contender === 'diskless' ? ' (goal: at most 95 MiB, 100 MB)' : ''}`,
    ),
  ];
  return parts.join('\n\n');
}

function latencyText({ median, p90, p99 }: Latency): string {
  return `${median.toFixed(0)} us (median), ${p90.toFixed(0)} (p90), ${p99.toFixed(0)} (p99)`;
}

function rowText({ name, size, goal, rates, processorTimes }: RowResult): string[] {
  const { diskless, tgtd, bare } = rates;
  const ratio = diskless !== undefined && tgtd !== undefined ? diskless.median / tgtd.median : undefined;
  return [
    name,
    rateText(diskless),
    spreadText(diskless),
    rateText(tgtd),
    spreadText(tgtd),
    ratio === undefined ? '' : ratio.toFixed(2),
    goal === undefined ? '' : `${goal.toFixed(1)}${ratio !== undefined && ratio < goal ? ' missed' : ''}`,
    diskless === undefined ? '' : ((diskless.median * size) / 1e6).toFixed(0),
    rateText(bare),
    bare === undefined || diskless === undefined ? '' : `${((100 * diskless.median) / bare.median).toFixed(0)}%`,
    ...contenderNames.map((contender) => processorTimes[contender]?.median.toFixed(1) ?? ''),
  ];
}

const rateText = (summary: Summary | undefined): string => (summary === undefined ? '' : summary.median.toFixed(0));
const spreadText = (summary: Summary | undefined): string =>
  summary === undefined ? '' : `${(summary.spread * 100).toFixed(0)}%`;
const mebibytes = (bytes: number): string => (bytes / (1 << 20)).toFixed(1);

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 1;
});
