/** Files where real storage behaves unlike an ordinary file: a file system that is full, one in memory, a block device. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openFileDevice } from '../../src/block/file-device.ts';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';
import { LocalPool } from '../../src/pool/local.ts';
import { requires, root } from '../support/requires.ts';
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
