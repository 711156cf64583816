/** A disk on a file system that begins to hang amid reads and writes: a program of its own is the file system, and stands still. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FuseFile, fuseFileNeeds } from '../support/fuse-file.ts';
import { end } from '../support/namespace-pair.ts';
import { requires } from '../support/requires.ts';
import { run } from '../support/served-network.ts';
import { TargetProgram } from '../support/target-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const MIB = 1 << 20;

function sparseFile(t: TestContext, size: number): string {
  const path = join(temporaryDirectory(t), 'disk.img');
  writeFileSync(path, '');
  truncateSync(path, size);
  return path;
}

/** Writes without end, four commands at a time: fewer than a file's share of the thread pool. */
function startWriter(t: TestContext, url: string) {
  const options = ['-w', '-c', '1000000000', '-d', '4', '-s', '4096', '-t', 'none', '-f', 'raw'];
  const writer = spawn('qemu-img', ['bench', ...options, url], { stdio: ['ignore', 'ignore', 'inherit'] });
  t.after(() => writer.kill('SIGKILL'));
  return writer;
}

/** Until more has been written than now. */
async function moreWritten(file: FuseFile): Promise<void> {
  const before = file.allocated;
  while (file.allocated === before) await new Promise((resolve) => setTimeout(resolve, 10));
}

test('a file system that begins to hang amid reads and writes holds up its own disk, and nothing else', async (t) => {
  if (!requires(t, 'qemu-img', 'qemu-io', ...fuseFileNeeds)) return;
  await using cleanup = new AsyncDisposableStack();
  const hanging = cleanup.use(await FuseFile.start(t, 1024 * MIB));
  const target = cleanup.use(await TargetProgram.start(hanging.path, '--lun', `1=${sparseFile(t, 8 * MIB)}`));
  // Who waits for a file system that stands still cannot be ended.
  cleanup.defer(() => hanging.resume());
  const writer = startWriter(t, target.url);
  await moreWritten(hanging);
  hanging.freeze();
  const read = run(['qemu-io', '-f', 'raw', '-t', 'none', '-c', 'read -P 0 512M 4k', target.url]);
  const other = target.url.replace(/\/0$/, '/1');
  const script = ['write -P 1 0 64k', 'flush', 'read -P 1 0 64k'].flatMap((command) => ['-c', command]);
  for (let round = 0; round < 3; round++) {
    const { code, stdout, stderr } = await run(['qemu-io', '-f', 'raw', '-t', 'none', ...script, other]);
    assert.equal(code, 0, 'killed after a minute, when it has no answer');
    assert.doesNotMatch(stdout.toString() + stderr, /failed/);
  }
  hanging.resume();
  assert.equal((await read).code, 0);
  await moreWritten(hanging);
  assert.equal(writer.exitCode, null);
  await end(writer);
  assert.equal(await target.stop(), 0);
});
