/** Files where real storage behaves unlike an ordinary file: a file system that is full, one in memory, a block device. */

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openFileDevice } from '../../src/block/file-device.ts';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';
import { LocalPool } from '../../src/pool/local.ts';
import { requires, root } from '../support/requires.ts';
import { SmallFileSystem, smallFileSystemTools } from '../support/small-file-system.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const KIB = 1024;

test('a write that only fits in part raises and does not pass for whole', async (t) => {
  if (!requires(t, root, 'mount')) return;
  const directory = temporaryDirectory(t);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory]);
  const file = nodeFileSystem.open(join(directory, 'file'), 'create');
  try {
    const buffers = [1, 2, 3].map((value) => new Uint8Array(40 * KIB).fill(value));
    await assert.rejects(async () => file.writev(buffers, 0), { code: 'FILE_NO_SPACE' });
    const first = new Uint8Array(40 * KIB);
    assert.equal(file.readNoWait(first, 0), first.length);
    assert(first.every((byte) => byte === 1));
    await assert.rejects(file.write(Buffer.concat(buffers), 0), { code: 'FILE_NO_SPACE' });
    await file.punchHole(0, 32 * KIB);
    await file.writev([new Uint8Array(16 * KIB).fill(4)], 48 * KIB);
  } finally {
    await file.close();
    execFileSync('umount', [directory]);
  }
});

test('a block device is an image: its size, its content, used in place', async (t) => {
  if (!requires(t, root, 'losetup')) return;
  const directory = temporaryDirectory(t);
  const backing = join(directory, 'backing');
  const content = Buffer.alloc(512 * KIB, 6);
  content.write('\x55\xaa', 510, 'latin1');
  writeFileSync(backing, content);
  const path = execFileSync('losetup', ['--find', '--show', backing], { encoding: 'utf8' }).trim();
  t.after(() => execFileSync('losetup', ['--detach', path]));
  const status = nodeFileSystem.status(path);
  assert.equal(status?.kind, 'block-device');
  assert.equal(status.size, content.length);

  const noConversion = (): Promise<void> => assert.fail('nothing to convert');
  const options = { directory: join(directory, 'data'), fileSystem: nodeFileSystem, run: noConversion };
  const pool = new LocalPool(options);
  const image = await pool.openImage(path);
  assert.equal(image.size, content.length);
  assert.deepEqual(Buffer.concat(await image.device.read(0, 4096)), content.subarray(0, 4096));
  await pool.close();

  const device = openFileDevice(nodeFileSystem, path);
  await device.write(4096, [new Uint8Array(4096).fill(9)], { fua: true });
  await device.unmap(8192, 4096);
  const bytes = Buffer.concat(await device.read(4096, 12288));
  assert.deepEqual(bytes, Buffer.concat([Buffer.alloc(4096, 9), Buffer.alloc(4096), Buffer.alloc(4096, 6)]));
  await device.close();
});

test('writes into a file system that froze without warning wait in the thread pool, and the loop goes on', async (t) => {
  if (!requires(t, root, 'fsfreeze', ...smallFileSystemTools.ext4)) return;
  const disk = new SmallFileSystem(t, 'ext4', 4 * KIB * KIB);
  const path = join(disk.path, 'disk');
  writeFileSync(path, Buffer.alloc(64 * KIB));
  const device = openFileDevice(nodeFileSystem, path);
  const other = nodeFileSystem.open(join(disk.path, 'other'), 'create');
  execFileSync('fsfreeze', ['--freeze', disk.path]);
  // Thaws when it is told to, and after 20 s in any case: a write in the loop would never let this process say so.
  const wait = 'timeout 20 head -n 1; exec fsfreeze --unfreeze "$0"';
  const thaw = spawn('sh', ['-c', wait, disk.path], { stdio: ['pipe', 'ignore', 'inherit'] });
  const thawed = once(thaw, 'exit');
  const writes: Promise<void>[] = [];
  let done = 0;
  const count = () => {
    done += 1;
  };
  try {
    writes.push(Promise.resolve(other.writev([Buffer.alloc(4096)], 0)).then(count));
    for (let value = 1; value <= 20; value++) {
      const write = device.write(0, [Buffer.alloc(4096, value)]);
      assert(write instanceof Promise);
      writes.push(write.then(count));
    }
    const unmap = device.unmap(8192, 4096);
    assert(unmap instanceof Promise);
    writes.push(unmap.then(count));
    const elsewhere = nodeFileSystem.open(join(temporaryDirectory(t), 'file'), 'create');
    await elsewhere.writev([Buffer.alloc(4096, 5)], 0);
    await elsewhere.sync();
    await elsewhere.close();
    assert.equal(done, 0, 'the frozen ones wait still, the other disk has gone on');
  } finally {
    // Before it is unmounted: what is frozen then stays in the kernel.
    thaw.stdin.end('now\n');
    await thawed;
  }
  await Promise.all(writes);
  assert.deepEqual(Buffer.concat(await device.read(0, 4096)), Buffer.alloc(4096, 20), 'the last one came last');
  await device.close();
  await other.close();
});
