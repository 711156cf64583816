/**
 * `diskless boot --vm` around the machine: how it ends. The part of QEMU is played by scripts that look at the disk as QEMU would;
 * test/e2e/debian-vm.test.ts has the real one.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { requires } from '../support/requires.ts';
import { PROGRAM_TARGET_NAME, TargetProgram } from '../support/target-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const SIZE = 16 << 20;

/** Starts the boot of a disk of 16 MiB with a shell script in QEMU's place; `$socket` is the disk's. */
async function start(t: TestContext, stack: AsyncDisposableStack, script: string, ...forQemu: readonly string[]) {
  const folder = temporaryDirectory(t);
  const disk = join(folder, 'disk.img');
  writeFileSync(disk, '');
  truncateSync(disk, SIZE);
  mkdirSync(join(folder, 'bin'));
  const socket = 'socket=$(echo "$@" | sed -n \'s/.*server\\.path=\\([^,]*\\),.*/\\1/p\')';
  writeFileSync(join(folder, 'bin', 'qemu-system-x86_64'), `#!/bin/sh\n${socket}\n${script}\n`, { mode: 0o755 });
  const target = stack.use(await TargetProgram.start(disk));
  const rootPath = `iscsi:127.0.0.1::${target.port}::${PROGRAM_TARGET_NAME}`;
  const env = { ...process.env, TMPDIR: folder, PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}` };
  const args = [program, 'boot', '--root-path', rootPath, '--vm', '--', ...forQemu];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  stack.defer(() => void child.kill('SIGKILL'));
  let output = '';
  const said = Promise.withResolvers<void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.includes('runs\n')) said.resolve();
  });
  return { child, ended: once(child, 'close'), runs: said.promise, output: () => output };
}

test('the machine finds the disk at the socket, gets its arguments, and its exit status is ours', async (t) => {
  if (!requires(t, 'nbdinfo')) return;
  await using stack = new AsyncDisposableStack();
  const look = 'nbdinfo --size "nbd+unix:///?socket=$socket"; echo "given: $*"; exit 5';
  const { ended, output } = await start(t, stack, look, '-m', '3G');
  const [status] = await ended;
  assert.equal(status, 5);
  assert.match(output(), new RegExp(`^${SIZE}$`, 'm'));
  assert.match(output(), /^given: .*-m 1G .*-m 3G /m);
});

test('a signal to the boot ends the machine first', async (t) => {
  await using stack = new AsyncDisposableStack();
  const { child, ended, runs, output } = await start(
    t,
    stack,
    'trap \'[ -S "$socket" ] && echo in order; exit 0\' TERM; echo runs; while :; do sleep 0.1; done',
  );
  await runs;
  child.kill('SIGTERM');
  const [status] = await ended;
  assert.equal(status, 0);
  assert.match(output(), /^in order$/m);
});
