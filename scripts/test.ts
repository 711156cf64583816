/**
 * Everything that must hold before a change is taken, in order: lint, types, unit tests, interop tests with real peers, whole machines.
 *
 *     npm test [-- --only checks|unit|interop|e2e] [-- FILE...]
 */
import { spawn } from 'node:child_process';
import { glob, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { BuildOptions } from './debian/tree.ts';
import { debianImage } from './debian-image/build.ts';
import { initiatorGuest } from './initiator-guest/build.ts';
import { providePeers } from './peers.ts';
import { Progress } from './progress.ts';
import type { OutcomeLine } from './test-outcome.ts';

const parts = ['checks', 'unit', 'interop', 'e2e'] as const;
type Part = (typeof parts)[number];

const checkout = join(import.meta.dirname, '..');

/** A test file that hangs must fail by name, and not by the patience of whoever waits for the whole run. Milliseconds. */
const testTimeout = { unit: 120_000, interop: 400_000, e2e: 600_000 } as const;

/** Interop tests take well-known ports and whole machines both processors: those files run one at a time. */
const concurrency = { unit: 2, interop: 1, e2e: 1 } as const;

interface Outcome {
  readonly part: string;
  readonly seconds: number;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly skips: readonly { readonly name: string; readonly reason: string }[];
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options: { only: { type: 'string' } }, allowPositionals: true });
  const chosen = parts.filter((part) => values.only === undefined || values.only === part);
  if (chosen.length === 0) {
    console.error(`--only ${values.only}: expected one of ${parts.join(', ')}`);
    return 2;
  }
  if (chosen.includes('interop') || chosen.includes('e2e')) await prepare(chosen);
  const outcomes: Outcome[] = [];
  for (const part of chosen) {
    outcomes.push(...(part === 'checks' ? await runChecks() : [await runTests(part, positionals)]));
  }
  return report(outcomes);
}

/** Installs peers and builds the systems of machines before the tests that need them, so that their time is not the tests' time. */
async function prepare(chosen: readonly Part[]): Promise<void> {
  const progress = new Progress();
  const peers = progress.stage('Debian packages');
  const complete = await providePeers('test', (line) => progress.say(line), { onProgress: peers.note });
  peers.done(complete ? 'all installed' : 'some are missing: their tests skip, or fail under CI=true');
  if (!chosen.includes('e2e') || !complete || process.getuid?.() !== 0) return;
  await buildSystems(progress);
}

/** Side by side: for most of a build one processor is enough. One that fails ends the other. */
async function buildSystems(progress: Progress): Promise<void> {
  const failure = new AbortController();
  const build = async (name: string, make: (options: BuildOptions) => Promise<unknown>) => {
    const stage = progress.stage(name);
    try {
      await make({ signal: failure.signal, onProgress: stage.note });
    } catch (error) {
      failure.abort(error);
      throw error;
    }
    stage.done();
  };
  const builds = [build('Debian image', debianImage), build('Initiator guest', initiatorGuest)];
  await Promise.allSettled(builds);
  progress.close();
  await Promise.all(builds);
}

async function runChecks(): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const script of ['lint', 'types']) {
    console.log(`\n=== ${script}`);
    const started = performance.now();
    const good = (await spawned('npm', ['run', '--silent', script])) === 0;
    outcomes.push({
      part: script,
      seconds: (performance.now() - started) / 1000,
      passed: good ? 1 : 0,
      failed: good ? 0 : 1,
      skipped: 0,
      skips: [],
    });
  }
  return outcomes;
}

async function runTests(part: Exclude<Part, 'checks'>, chosenFiles: readonly string[]): Promise<Outcome> {
  console.log(`\n=== ${part}`);
  const started = performance.now();
  const files = await testFiles(part, chosenFiles);
  const folder = await mkdtemp(join(tmpdir(), 'diskless-tests-'));
  try {
    const outcomeFile = join(folder, 'outcome.jsonl');
    const reporters = [
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      `--test-reporter=${join(import.meta.dirname, 'test-outcome.ts')}`,
      `--test-reporter-destination=${outcomeFile}`,
    ];
    const limits = [`--test-concurrency=${concurrency[part]}`, `--test-timeout=${testTimeout[part]}`];
    const code =
      files.length === 0 ? 0 : await spawned(process.execPath, ['--test', ...limits, ...reporters, ...files]);
    return {
      part,
      seconds: (performance.now() - started) / 1000,
      ...(files.length === 0 ? noTests : await readOutcome(outcomeFile, code)),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const noTests = { passed: 0, failed: 0, skipped: 0, skips: [] } as const;

async function testFiles(part: Exclude<Part, 'checks'>, chosenFiles: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for await (const path of glob('test/**/*.test.ts', { cwd: checkout })) {
    const owner = /^test\/(interop|e2e)\//.exec(path)?.[1] ?? 'unit';
    if (owner === part && (chosenFiles.length === 0 || chosenFiles.includes(path))) files.push(path);
  }
  return files.sort();
}

async function readOutcome(path: string, code: number): Promise<Omit<Outcome, 'part' | 'seconds'>> {
  const lines = (await readFile(path, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line): OutcomeLine => JSON.parse(line));
  const totals = lines.find((line) => line.kind === 'totals');
  const skips = lines.filter((line) => line.kind === 'skipped');
  if (totals === undefined) return { ...noTests, failed: 1 };
  // A runner that failed although no test did (a file that does not load, a leak) is a failure.
  return { passed: totals.passed, failed: Math.max(totals.failed, code === 0 ? 0 : 1), skipped: totals.skipped, skips };
}

function report(outcomes: readonly Outcome[]): number {
  console.log('\n=== summary');
  for (const { part, passed, failed, skipped, seconds, skips } of outcomes) {
    console.log(`${part.padEnd(8)} ${passed} passed, ${failed} failed, ${skipped} skipped in ${seconds.toFixed(1)} s`);
    for (const { name, reason } of skips) console.log(`         skipped: ${name} (${reason})`);
  }
  const sum = (count: 'passed' | 'failed' | 'skipped') =>
    outcomes.reduce((total, outcome) => total + outcome[count], 0);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
  return sum('failed') === 0 ? 0 : 1;
}

/** Runs a program on this terminal; gives its exit code. */
function spawned(program: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: checkout, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

process.exitCode = await main();
