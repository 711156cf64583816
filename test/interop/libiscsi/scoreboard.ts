/**
 * libiscsi's conformance tests against `diskless target`, beside `tgtd` in the same run:
 *
 *     npm run test:libiscsi [-- --only PATTERN] [--config A]... [--no-tgt] [--json FILE] [--jobs N]
 *
 * A test counts as passed when it passed in at least one of the configurations, and in each binding one that it runs in; skips count
 * as what they are, the silent ones too. Ends with 1 when a test of ours did not pass, other than those which no target can pass, and
 * with 2 when there is nothing to run.
 */

import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { installCommand } from '../../../scripts/peers.ts';
import { Progress } from '../../../scripts/progress.ts';
import { missing } from '../../support/requires.ts';
import { Board, type Result } from './board.ts';
import { type Configuration, configurations } from './configurations.ts';
import { endTests, listTests, runTest } from './test-program.ts';
import { canServe, type Maker, serveUnit, type UnitServer } from './unit-server.ts';

/** One unit of work: tests of one configuration, one after the other, against one maker's target. */
interface Job {
  readonly maker: Maker;
  readonly configuration: Configuration;
  readonly user: string | undefined;
  readonly tests: readonly string[];
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      config: { type: 'string', multiple: true },
      tgt: { type: 'boolean', default: true },
      json: { type: 'string' },
      jobs: { type: 'string', default: '3' },
    },
    allowNegative: true,
  });
  const unknown = values.config?.find((id) => !configurations.some((configuration) => configuration.id === id));
  if (unknown !== undefined) {
    console.error(`--config ${unknown}: expected one of ${configurations.map(({ id }) => id).join(', ')}`);
    return 2;
  }
  const absent = missing('iscsi-test-cu', ...(values.tgt ? ['tgtd', 'tgtadm'] : []));
  if (absent.length > 0) {
    console.error(
      `missing: ${absent.join(', ')}. To install them, as root: ${installCommand(['libiscsi-bin', 'tgt'])}`,
    );
    return 2;
  }
  const makers: readonly Maker[] = values.tgt ? ['diskless', 'tgtd'] : ['diskless'];
  const chosen = configurations.filter(({ id }) => values.config === undefined || values.config.includes(id));
  const pattern = new RegExp(values.only, 'i');
  const listed = await listTests();
  const tests = listed.filter((test) => pattern.test(test));
  if (tests.length === 0) {
    console.error(`--only ${values.only}: none of the ${listed.length} tests has such a name`);
    return 2;
  }
  const results = await runJobs(
    makers.flatMap((maker) => plan(maker, chosen, tests)),
    Number(values.jobs),
  );
  const board = new Board(tests, chosen, results);
  console.log(board.render(makers));
  if (values.json !== undefined)
    await writeFile(values.json, `${JSON.stringify(board.toJSON(makers), undefined, 2)}\n`);
  return board.exitCode;
}

/** It looks once a minute whether the overwriting is over: for that long the other tests need not wait for it. */
const longest = 'Sanitize.Reset';

/** The longest first, so that nobody waits at the end. */
function plan(maker: Maker, chosen: readonly Configuration[], tests: readonly string[]): Job[] {
  const served = chosen.filter((configuration) => canServe(maker, configuration));
  const jobs = served.flatMap((configuration) => {
    const own = tests.filter((test) => configuration.tests.test(test));
    const users = configuration.users.length === 0 ? [undefined] : configuration.users;
    const groups = [own.filter((test) => test === longest), own.filter((test) => test !== longest)];
    return groups.flatMap((group) => users.map((user) => ({ maker, configuration, user, tests: group })));
  });
  return jobs
    .filter((job) => job.tests.length > 0)
    .sort((a, b) => Number(b.configuration.sanitize) - Number(a.configuration.sanitize));
}

async function runJobs(jobs: readonly Job[], parallel: number): Promise<Result[]> {
  const progress = new Progress(process.stderr);
  const stage = progress.stage('iscsi-test-cu');
  const total = jobs.reduce((sum, job) => sum + job.tests.length, 0);
  const results: Result[] = [];
  const waiting = [...jobs];
  const note = (result: Result): void => {
    results.push(result);
    stage.note(`${results.length} of ${total}: ${result.maker} ${result.configuration} ${result.test}`);
  };
  const worker = async (): Promise<void> => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) await runJob(job, note);
  };
  // All of them have put away their servers before an error of one ends the run.
  const workers = await Promise.allSettled(Array.from({ length: Math.max(1, parallel) }, worker));
  const failed = workers.find((one) => one.status === 'rejected');
  if (failed !== undefined) {
    stage.done('ended early');
    throw failed.reason;
  }
  stage.done(`${total} runs`);
  return results;
}

async function runJob(job: Job, note: (result: Result) => void): Promise<void> {
  const { maker, configuration, user } = job;
  const about = { maker, configuration: configuration.id, ...(user === undefined ? {} : { user }) };
  let server: UnitServer | undefined;
  /** Why this configuration cannot be served at all: its other tests fail for the same reason. */
  let unserved: string | undefined;
  try {
    for (const test of job.tests) {
      try {
        if (unserved === undefined) server ??= await serveUnit(maker, configuration, user);
      } catch (error) {
        unserved = error instanceof Error ? error.message : String(error);
      }
      if (server === undefined) {
        const reason = unserved ?? 'not served';
        note({ ...about, test, verdict: { kind: 'fail', reason }, served: false, seconds: 0 });
        continue;
      }
      const run = await runTest(test, server.urls, configuration);
      const { failure } = server;
      note({
        ...about,
        test,
        served: true,
        ...run,
        ...(failure === undefined ? {} : { verdict: { kind: 'fail', reason: failure } }),
      });
      // What a failed test left behind (a reservation, a write protection, a dead process) must not fail the next ones.
      if (run.verdict.kind === 'fail' || failure !== undefined) {
        await server[Symbol.asyncDispose]();
        server = undefined;
      }
    }
  } finally {
    await server?.[Symbol.asyncDispose]();
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, endTests);
process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 1;
});
