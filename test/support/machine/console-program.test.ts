import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../temporary-directory.ts';
import { startConsoleProgram } from './console-program.ts';

test('a machine that prints byte by byte and does not wait loses nothing while nobody reads', async (t) => {
  const status = join(temporaryDirectory(t), 'status');
  const printing = 'yes | dd bs=1 count=30000 oflag=nonblock status=none';
  await using program = startConsoleProgram({ program: 'sh', args: ['-c', `${printing}; echo $? > ${status}`] });
  // This thread waits, so nothing is read until all is printed.
  spawnSync('sh', ['-c', `until [ -s ${status} ]; do sleep 0.01; done`]);
  assert.equal(await program.exited, 0);
  assert.equal(program.console.text, 'y\n'.repeat(15_000));
});

test('a program that cannot be started is said on its console', async () => {
  await using program = startConsoleProgram({ program: '/nowhere/machine', args: [] });
  await assert.rejects(program.console.waitFor(/login:/, 60_000), /the machine went off .*ENOENT/);
  assert.equal(await program.exited, null);
});
