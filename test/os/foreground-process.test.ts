import assert from 'node:assert/strict';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startInForeground } from '../../src/os/foreground-process.ts';
import { makeTemporaryDirectory } from '../../src/os/temporary-directory.ts';

test('a program says how it ended, by itself or by a signal', async () => {
  assert.equal(await startInForeground('sh', ['-c', 'exit 7']).ended, 7);
  assert.equal(await startInForeground('sh', ['-c', 'kill -TERM $$']).ended, 128 + 15);
});

test('a program that is told to end has gone; one that does not listen too', async () => {
  const sleeper = startInForeground('sleep', ['60']);
  await sleeper.end(60_000);
  assert.equal(await sleeper.ended, 128 + 15);
  // The shell's child inherits that it ignores the signal.
  const deaf = startInForeground('sh', ['-c', "trap '' TERM; exec sleep 60"]);
  await deaf.end(200);
  assert.ok([128 + 9, 128 + 15].includes(await deaf.ended));
});

test('a program that is not there', async () => {
  const missing = startInForeground('diskless-no-such-program', []);
  await assert.rejects(missing.ended, { code: 'PROCESS_NOT_FOUND' });
  await missing.end(60_000);
});

test('a temporary directory is its owner’s alone, and goes with all that is in it', async () => {
  const directory = await makeTemporaryDirectory();
  assert.equal(statSync(directory.path).mode & 0o777, 0o700);
  writeFileSync(join(directory.path, 'file'), '');
  await directory[Symbol.asyncDispose]();
  assert.ok(!existsSync(directory.path));
});
