/** Runs test files by node:test, some of them at a time, and joins what came of them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { OutcomeLine } from './test-outcome.ts';

export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly skips: readonly { readonly name: string; readonly reason: string }[];
  readonly failures: readonly { readonly name: string; readonly file: string }[];
}

/** What one runner of node:test is given. */
export interface Run {
  readonly files: readonly string[];
  /** Of these files at a time. */
  readonly concurrency: number;
  /** Milliseconds that a test may take. */
  readonly testTimeout: number;
  /** Milliseconds after which the runner is ended: tests that are over do not end a file that still holds a timer or a socket. */
  readonly timeout: number;
}

export interface RunOptions {
  /** Paths of files are relative to it. */
  readonly folder: string;
  /** Runners at a time. */
  readonly lanes: number;
  /** Gets the output of a run when it is over, in one piece. Without it all output goes to this terminal as it comes. */
  readonly show?: (run: Run, output: Buffer) => void;
  /** What goes before a runner, such as `unshare --net`. */
  readonly before?: readonly string[];
  /** Beside this process's own environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

export async function runTests(runs: readonly Run[], options: RunOptions): Promise<Outcome> {
  const outcomes: Outcome[] = [];
  const waiting = [...runs];
  const lane = async (): Promise<void> => {
    for (let run = waiting.shift(); run !== undefined; run = waiting.shift())
      outcomes.push(await runOnce(run, options));
  };
  await Promise.all(Array.from({ length: options.lanes }, lane));
  return joined(outcomes);
}

function joined(outcomes: readonly Outcome[]): Outcome {
  const sum = (count: 'passed' | 'failed' | 'skipped') =>
    outcomes.reduce((total, outcome) => total + outcome[count], 0);
  return {
    passed: sum('passed'),
    failed: sum('failed'),
    skipped: sum('skipped'),
    skips: outcomes.flatMap(({ skips }) => skips),
    failures: outcomes.flatMap(({ failures }) => failures),
  };
}

async function runOnce(run: Run, options: RunOptions): Promise<Outcome> {
  if (run.files.length === 0) return joined([]);
  const folder = await mkdtemp(join(tmpdir(), 'diskless-tests-'));
  try {
    const outcomeFile = join(folder, 'outcome.jsonl');
    const code = await runnerEnd(run, options, outcomeFile);
    return readOutcome(await readFile(outcomeFile, 'utf8').catch(() => ''), code, run, options.folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Gives the runner's exit code. */
function runnerEnd(
  run: Run,
  { folder, show, before = [], environment }: RunOptions,
  outcomeFile: string,
): Promise<number> {
  const reporters = [
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${join(import.meta.dirname, 'test-outcome.ts')}`,
    `--test-reporter-destination=${outcomeFile}`,
  ];
  const limits = [`--test-concurrency=${run.concurrency}`, `--test-timeout=${run.testTimeout}`];
  const runner = [process.execPath, '--test', ...limits, ...reporters, ...run.files];
  const [program = process.execPath, ...args] = [...before, ...runner];
  // The colours that it would have on this terminal.
  const colours = show !== undefined && process.stdout.isTTY ? { FORCE_COLOR: '1' } : {};
  const how = { cwd: folder, timeout: run.timeout, env: { ...process.env, ...environment, ...colours } };
  if (show === undefined) return ended(spawn(program, args, { ...how, stdio: ['ignore', 'inherit', 'inherit'] }));
  const child = spawn(program, args, { ...how, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk));
  return ended(child).finally(() => show(run, Buffer.concat(output)));
}

function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

function readOutcome(text: string, code: number, run: Run, folder: string): Outcome {
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): OutcomeLine => JSON.parse(line));
  const totals = lines.find((line) => line.kind === 'totals') ?? { passed: 0, failed: 0, skipped: 0 };
  const skips = lines.filter((line) => line.kind === 'skipped').map(({ name, reason }) => ({ name, reason }));
  const named = lines
    .filter((line) => line.kind === 'failed')
    .map(({ name, file }) => ({ name: name.replace(`${folder}/`, ''), file: relative(folder, file) }));
  // A runner that failed although no test did, for whatever reason, is a failure.
  const unnamed = code === 0 || named.length > 0 ? [] : [{ name: `ended with ${code}`, file: run.files.join(' ') }];
  const failures = [...named, ...unnamed];
  return {
    passed: totals.passed,
    failed: Math.max(totals.failed, failures.length),
    skipped: totals.skipped,
    skips,
    failures,
  };
}
