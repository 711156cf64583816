/**
 * Everything that must hold before a change is taken, in order: lint, types, unit tests, interop tests with real peers, whole machines.
 *
 *     npm test [-- --only checks|unit|interop|e2e] [-- FILE...]
 */
import { spawn } from 'node:child_process';
import { glob, mkdtempDisposable } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { BuildOptions } from './debian/tree.ts';
import { debianImage } from './debian-image/build.ts';
import { initiatorGuest } from './initiator-guest/build.ts';
import { ownSurroundings } from './own-surroundings.ts';
import { providePeers } from './peers.ts';
import { Progress } from './progress.ts';
import { type Outcome, type Run, type RunOptions, runTests } from './test-run.ts';

const parts = ['checks', 'unit', 'interop', 'e2e'] as const;
type Part = (typeof parts)[number];

const checkout = join(import.meta.dirname, '..');

/** A test that hangs must fail by name, and not by the patience of whoever waits for the whole run. Milliseconds. */
const testTimeout = { unit: 120_000, interop: 400_000, e2e: 600_000 } as const;

/** For all unit tests together, and for each file of the others. Milliseconds. */
const runTimeout = { unit: 600_000, interop: 400_000, e2e: 600_000 } as const;

/** Files that run apart, at a time: interop tests wait more than they compute, whole machines do not. */
const lanes = {
  interop: Math.min(6, Math.ceil(1.5 * availableParallelism())),
  e2e: Math.min(4, availableParallelism()),
} as const;

/** Of the files that run apart, those that take longer than any other, the longest first. */
const longest: readonly string[] = [
  'test/interop/libiscsi.test.ts',
  'test/e2e/debian-vm-ways.test.ts',
  'test/e2e/debian.test.ts',
];

interface PartOutcome extends Outcome {
  readonly part: string;
  readonly seconds: number;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options: { only: { type: 'string' } }, allowPositionals: true });
  const chosen = parts.filter((part) => values.only === undefined || values.only === part);
  if (chosen.length === 0) {
    console.error(`--only ${values.only}: expected one of ${parts.join(', ')}`);
    return 2;
  }
  if (chosen.includes('interop') || chosen.includes('e2e')) await prepare(chosen);
  // Nearly all of a short program's time is Node's way from TypeScript to what it runs: the first that needs a file goes it for all.
  await using compiled = await mkdtempDisposable(join(tmpdir(), 'diskless-compiled-'));
  const options = { folder: checkout, environment: { NODE_COMPILE_CACHE: compiled.path } };
  const outcomes: PartOutcome[] = [];
  for (const part of chosen) {
    outcomes.push(...(part === 'checks' ? await runChecks() : [await runPart(part, positionals, options)]));
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

async function runChecks(): Promise<PartOutcome[]> {
  const outcomes: PartOutcome[] = [];
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
      failures: good ? [] : [{ name: `npm run ${script}`, file: '' }],
    });
  }
  return outcomes;
}

async function runPart(
  part: Exclude<Part, 'checks'>,
  chosenFiles: readonly string[],
  options: Pick<RunOptions, 'folder' | 'environment'>,
): Promise<PartOutcome> {
  console.log(`\n=== ${part}`);
  const started = performance.now();
  const files = await testFiles(part, chosenFiles);
  const { runs, ...how } = part === 'unit' ? together(files) : apart(part, files);
  const outcome = await runTests(runs, { ...options, ...how });
  return { part, seconds: (performance.now() - started) / 1000, ...outcome };
}

type Plan = { readonly runs: readonly Run[] } & Omit<RunOptions, 'folder' | 'environment'>;

function together(files: readonly string[]): Plan {
  return { runs: [{ files, concurrency: 2, testTimeout: testTimeout.unit, timeout: runTimeout.unit }], lanes: 1 };
}

/** Each file in surroundings of its own, some at a time; where that cannot be, one after the other. */
function apart(part: 'interop' | 'e2e', files: readonly string[]): Plan {
  const limits = { concurrency: 1, testTimeout: testTimeout[part] };
  const before = ownSurroundings();
  if (before === undefined) return { runs: [{ ...limits, files, timeout: files.length * runTimeout[part] }], lanes: 1 };
  const runs = longestFirst(files).map((file) => ({ ...limits, files: [file], timeout: runTimeout[part] }));
  const show = (run: Run, output: Buffer) => process.stdout.write(`\n--- ${run.files.join(' ')}\n${output}`);
  return { runs, lanes: lanes[part], before, show };
}

/** The longest first, so that none of them is all that still runs at the end. */
function longestFirst(files: readonly string[]): string[] {
  const place = (file: string) => (longest.includes(file) ? longest.indexOf(file) : longest.length);
  return [...files].sort((a, b) => place(a) - place(b));
}

async function testFiles(part: Exclude<Part, 'checks'>, chosenFiles: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for await (const path of glob('test/**/*.test.ts', { cwd: checkout })) {
    const owner = /^test\/(interop|e2e)\//.exec(path)?.[1] ?? 'unit';
    if (owner === part && (chosenFiles.length === 0 || chosenFiles.includes(path))) files.push(path);
  }
  return files.sort();
}

function report(outcomes: readonly PartOutcome[]): number {
  console.log('\n=== summary');
  for (const { part, passed, failed, skipped, seconds, skips, failures } of outcomes) {
    console.log(`${part.padEnd(8)} ${passed} passed, ${failed} failed, ${skipped} skipped in ${seconds.toFixed(1)} s`);
    for (const { name, reason } of skips) console.log(`         skipped: ${name} (${reason})`);
    for (const { name, file } of failures) console.log(`         failed: ${name} (${file})`);
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
