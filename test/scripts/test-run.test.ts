/** What runners of node:test that work side by side come to: nothing that one of them saw may be lost. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Outcome, type Run, runTests } from '../../scripts/test-run.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const contents = {
  'good.test.ts': "test('good', () => {}); test('left out', (t) => t.skip('missing: tgtd'));",
  'good-too.test.ts': "test('good, too', () => {});",
  'bad.test.ts': "test('outer', async (t) => { await t.test('inner', () => { throw new Error('no'); }); });",
  'unloadable.test.ts': "import './absent.ts';",
  'ends-badly.test.ts': "test('good', () => {}); process.on('exit', () => { process.exitCode = 3; });",
  'endless.test.ts': "test('good', () => { setInterval(() => {}, 1000); });",
  'hanging.test.ts': "test('hangs', () => new Promise((resolve) => setTimeout(resolve, 1000)));",
} as const;

type File = keyof typeof contents;

/** A runner for each list of files, two at a time. */
function run(t: TestContext, lists: readonly (readonly File[])[], changes: Partial<Run> = {}): Promise<Outcome> {
  // A runner that finds itself inside another's test runs nothing.
  delete process.env.NODE_TEST_CONTEXT;
  const folder = temporaryDirectory(t);
  for (const name of lists.flat()) {
    writeFileSync(join(folder, name), `import { test } from 'node:test';\n${contents[name]}\n`);
  }
  const limits = { concurrency: 1, testTimeout: 30_000, timeout: 60_000, ...changes };
  const runs = lists.map((files) => ({ ...limits, files }));
  return runTests(runs, { folder, lanes: 2, show: () => {} });
}

test('what passed, failed and was skipped is the same in one runner as in one for each file', async (t) => {
  const files = ['good.test.ts', 'bad.test.ts', 'good-too.test.ts'] as const;
  const together = await run(t, [files]);
  assert.deepEqual(
    await run(
      t,
      files.map((file) => [file]),
    ),
    together,
  );
  assert.deepEqual(together, {
    passed: 2,
    failed: 2,
    skipped: 1,
    skips: [{ name: 'left out', reason: 'missing: tgtd' }],
    failures: [{ name: 'inner', file: 'bad.test.ts' }],
  });
});

for (const [what, file] of [
  ['does not load', 'unloadable.test.ts'],
  ['ends with another exit code than 0', 'ends-badly.test.ts'],
] as const) {
  test(`a file that ${what} is a failure by its name`, async (t) => {
    const { failed, failures } = await run(t, [['good.test.ts'], [file]]);
    assert.deepEqual({ failed, failures }, { failed: 1, failures: [{ name: file, file }] });
  });
}

test('a test that hangs is a failure by its name', async (t) => {
  const { failed, failures } = await run(t, [['hanging.test.ts']], { testTimeout: 300 });
  assert.deepEqual({ failed, failures }, { failed: 1, failures: [{ name: 'hangs', file: 'hanging.test.ts' }] });
});

test('a file that holds a timer when its tests are over is ended, and a failure', async (t) => {
  const { failed, failures } = await run(t, [['endless.test.ts'], ['good-too.test.ts']], { timeout: 2000 });
  assert.deepEqual([failed, ...failures.map(({ file }) => file)], [1, 'endless.test.ts']);
});
