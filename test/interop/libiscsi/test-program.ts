/** Runs `iscsi-test-cu`, libiscsi's conformance tests, one test per process: a test that breaks a session breaks no other test. */

import { type ChildProcess, spawn } from 'node:child_process';
import { runCommand } from '../../../scripts/command.ts';
import type { Configuration } from './configurations.ts';
import { readVerdict, type Verdict } from './verdict.ts';

const PROGRAM = 'iscsi-test-cu';

/** Milliseconds after which a test counts as hanging. Most end at once, some sleep for up to 10 s. */
const TIME_LIMIT = 40_000;

/** Sanitize.Reset looks once a minute whether the overwriting is over. */
const LONG_TIME_LIMIT = 200_000;
const longTests = /^Sanitize\./;

/** All tests as `Suite.Test`, in the program's order. */
export async function listTests(): Promise<string[]> {
  const names = (await runCommand(PROGRAM, ['--list'])).split('\n').map((line) => line.trim().split('.'));
  // It lists every test under several families; all are in ALL, SCSI or iSCSI.
  return [...new Set(names.filter((parts) => parts.length === 3).map(([, suite, test]) => `${suite}.${test}`))];
}

export interface TestRun {
  readonly verdict: Verdict;
  readonly seconds: number;
}

/** Runs one test against the unit behind `urls`: one, or two to the same unit. */
export async function runTest(
  test: string,
  urls: readonly string[],
  { sanitize, says }: Pick<Configuration, 'sanitize' | 'says'>,
): Promise<TestRun> {
  const started = performance.now();
  const options = ['--dataloss', '--Verbose-scsi', ...(sanitize ? ['--allow-sanitize'] : [])];
  const limit = longTests.test(test) ? LONG_TIME_LIMIT : TIME_LIMIT;
  const { output, timedOut } = await outputOf([...options, '--test', `ALL.${test}`, ...urls], limit);
  const seconds = (performance.now() - started) / 1000;
  if (timedOut) return { verdict: { kind: 'fail', reason: `it hung: not over after ${limit / 1000} s` }, seconds };
  return { verdict: readVerdict(test, output, says), seconds };
}

const running = new Set<ChildProcess>();
let ended = false;

/** Ends the test that runs, and lets no other begin: what asks for one gets an error. */
export function endTests(): void {
  ended = true;
  for (const child of running) child.kill('SIGKILL');
}

function outputOf(args: readonly string[], limit: number): Promise<{ output: string; timedOut: boolean }> {
  return new Promise((resolve, reject) => {
    if (ended) throw new Error('the run was ended by a signal');
    const child = spawn(PROGRAM, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    const chunks: Buffer[] = [];
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, limit);
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', () => {
      running.delete(child);
      clearTimeout(timer);
      resolve({ output: Buffer.concat(chunks).toString('latin1'), timedOut });
    });
  });
}
