import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DisklessError } from '../../src/bytes/index.ts';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';
import type { RunProcess } from '../../src/os/process.ts';
import { LocalPool } from '../../src/pool/local.ts';
import type { ImageProgress } from '../../src/pool/pool.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const SIZE = 256 * 1024;

/** A disk with a boot sector, filled with a value. */
function diskContent(value: number): Buffer {
  const bytes = Buffer.alloc(SIZE, value);
  bytes.write('\x55\xaa', 510, 'latin1');
  return bytes;
}

const noProcess: RunProcess = async (program) => {
  throw new DisklessError('PROCESS_NOT_FOUND', `cannot run ${program}: ENOENT`);
};

function makePool(t: TestContext, directory: string, run: RunProcess = noProcess): LocalPool {
  const pool = new LocalPool({ directory: join(directory, 'data'), fileSystem: nodeFileSystem, run });
  t.after(() => pool.close());
  return pool;
}

async function sector(device: { read(o: number, l: number): unknown }, index: number): Promise<number | undefined> {
  const [part] = (await device.read(index * 512, 512)) as readonly Uint8Array[];
  return part?.[0];
}

test('two hosts over one image: each has its own disk, both share the cache, and the image stays as it is', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'golden.img');
  writeFileSync(path, diskContent(7));
  const before = createHash('sha256').update(readFileSync(path)).digest('hex');
  const pool = makePool(t, directory);
  const image = await pool.openImage(path);
  assert.equal(image.format, 'raw');
  assert.equal(image.size, SIZE);
  assert.equal(await pool.openImage(path), image);
  const a = await pool.openDisk({ host: '52:54:00:00:00:01', image });
  const b = await pool.openDisk({ host: '52:54:00:00:00:02', image });
  await a.write(5 * 512, [new Uint8Array(512).fill(1)]);
  await b.write(5 * 512, [new Uint8Array(512).fill(2)]);
  assert.deepEqual([await sector(a, 5), await sector(b, 5), await sector(image.device, 5)], [1, 2, 7]);
  const [fromA] = await a.read(100 * 512, 512);
  const [fromB] = await b.read(100 * 512, 512);
  assert.equal(fromA?.buffer, fromB?.buffer, 'the same memory');
  await assert.rejects(image.close(), { code: 'IMAGE_IN_USE' });
  await assert.rejects(pool.openDisk({ host: '52:54:00:00:00:01', image }), { code: 'DISK_IN_USE' });
  await a.close();
  const again = await pool.openDisk({ host: '52:54:00:00:00:01', image });
  assert.equal(await sector(again, 5), 1);
  assert.deepEqual(
    pool.listDisks().map((disk) => [disk.host, image.identity.startsWith(disk.imageIdentity), disk.size]),
    [
      ['52:54:00:00:00:01', true, SIZE],
      ['52:54:00:00:00:02', true, SIZE],
    ],
  );
  await Promise.all([again.close(), b.close()]);
  assert.equal(createHash('sha256').update(readFileSync(path)).digest('hex'), before);
});

test('looking at an image that is no disk leaves nothing behind, and each case has its own error', async (t) => {
  const directory = temporaryDirectory(t);
  const pool = makePool(t, directory);
  const refused = async (name: string, code: string): Promise<void> => {
    await assert.rejects(pool.openImage(join(directory, name)), (error: unknown) => {
      assert(error instanceof DisklessError);
      assert.equal(error.code, code);
      assert.match(error.message, new RegExp(name));
      assert(error.hint !== undefined, 'says what to do');
      return true;
    });
  };
  await refused('missing.img', 'IMAGE_NOT_FOUND');
  mkdirSync(join(directory, 'folder'));
  await refused('folder', 'IMAGE_IS_DIRECTORY');
  writeFileSync(join(directory, 'empty.img'), '');
  await refused('empty.img', 'IMAGE_EMPTY');
  writeFileSync(join(directory, 'text.txt'), 'hello '.repeat(512));
  await refused('text.txt', 'IMAGE_NOT_A_DISK');
  writeFileSync(join(directory, 'cut.img'), diskContent(0).subarray(0, SIZE - 100));
  await refused('cut.img', 'IMAGE_NOT_A_DISK');
  writeFileSync(join(directory, 'disk.img.gz'), Buffer.concat([Buffer.of(0x1f, 0x8b), Buffer.alloc(2000)]));
  await refused('disk.img.gz', 'IMAGE_COMPRESSED');
  assert.equal(existsSync(join(directory, 'data')), false);
});

test('the identity is found out once, and again when the file has changed', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'golden.img');
  writeFileSync(path, diskContent(1));
  const steps: ImageProgress[] = [];
  const open = async (): Promise<string> => {
    const pool = makePool(t, directory);
    const image = await pool.openImage(path, { progress: (step) => steps.push(step) });
    await pool.close();
    return image.identity;
  };
  const first = await open();
  assert(steps.length > 0);
  steps.length = 0;
  assert.equal(await open(), first);
  assert.deepEqual(steps, [], 'it was remembered');
  writeFileSync(path, diskContent(2));
  assert.notEqual(await open(), first);
  writeFileSync(path, diskContent(1));
  utimesSync(path, 1, 1);
  assert.equal(await open(), first, 'the same content is the same image');
  const [memory] = readdirSync(join(directory, 'data/images'));
  writeFileSync(join(directory, 'data/images', memory ?? ''), '{"path": 1}');
  assert.equal(await open(), first, 'a damaged memory is no memory');
});

test('a changed image gets new disks, and the old ones stay', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'golden.img');
  writeFileSync(path, diskContent(1));
  const before = makePool(t, directory);
  const disk = await before.openDisk({ host: 'a', image: await before.openImage(path) });
  await disk.write(512, [new Uint8Array(512).fill(9)]);
  await disk.close();
  await before.close();
  writeFileSync(path, diskContent(2));
  const changed = makePool(t, directory);
  const fresh = await changed.openDisk({ host: 'a', image: await changed.openImage(path) });
  assert.equal(await sector(fresh, 1), 2);
  await fresh.close();
  await changed.close();
  writeFileSync(path, diskContent(1));
  const back = makePool(t, directory);
  const image = await back.openImage(path);
  const old = await back.openDisk({ host: 'a', image });
  assert.equal(await sector(old, 1), 9);
  await assert.rejects(back.removeDisks('a', image.identity), { code: 'DISK_IN_USE' });
  await old.close();
  assert.equal(await back.removeDisks('a', image.identity), 1);
  assert.equal(back.listDisks().length, 1);
  assert.equal(await back.removeDisks('a'), 1);
  assert.equal(await back.removeDisks('a'), 0);
  assert.deepEqual(readdirSync(join(directory, 'data/disks')), []);
});

test('what is noted beside a disk goes away with it, and is no other disk’s', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'golden.img');
  writeFileSync(path, diskContent(1));
  const pool = makePool(t, directory);
  const image = await pool.openImage(path);
  const [a, b] = ['a', 'b'].map((host) => ({ host, image }));
  assert.ok(a && b);
  for (const disk of [a, b]) await (await pool.openDisk(disk)).close();
  assert.equal(await pool.noteOf(a, 'reservations').load(), undefined);
  await pool.noteOf(a, 'reservations').save(Buffer.from('kept'));
  assert.equal(Buffer.from((await pool.noteOf(a, 'reservations').load()) ?? []).toString(), 'kept');
  assert.equal(await pool.noteOf(a, 'information').load(), undefined);
  assert.equal(await pool.noteOf(b, 'reservations').load(), undefined);
  await pool.removeDisks('a');
  assert.deepEqual(
    readdirSync(join(directory, 'data/disks')).filter((name) => name.startsWith('a@')),
    [],
  );

  // Files that somebody took away by hand: their notes are not the next disk's.
  await pool.noteOf(b, 'reservations').save(Buffer.from('old'));
  for (const name of readdirSync(join(directory, 'data/disks'))) {
    if (!name.endsWith('.reservations')) rmSync(join(directory, 'data/disks', name));
  }
  await (await pool.openDisk(b)).close();
  assert.equal(await pool.noteOf(b, 'reservations').load(), undefined);
});

test('names of hosts cannot leave the directory, and come back as they were', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'golden.img'), diskContent(1));
  const pool = makePool(t, directory);
  const image = await pool.openImage(join(directory, 'golden.img'));
  const hosts = ['../../etc', '.hidden', 'a@b', 'Büro 7', '100%41'];
  for (const host of hosts) await (await pool.openDisk({ host, image })).close();
  assert.deepEqual(
    pool
      .listDisks()
      .map((disk) => disk.host)
      .sort(),
    [...hosts].sort(),
  );
  assert.equal(readdirSync(join(directory, 'data/disks')).length, hosts.length * 3);
  await assert.rejects(pool.openDisk({ host: '', image }), { code: 'DISK_NAME' });
  await assert.rejects(pool.openDisk({ host: 'x'.repeat(201), image }), { code: 'DISK_NAME' });
});

test('one process at a time writes the directory', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'golden.img');
  writeFileSync(path, diskContent(1));
  const first = makePool(t, directory);
  const image = await first.openImage(path);
  await (await first.openDisk({ host: 'a', image })).close();
  const second = makePool(t, directory);
  const seen = await second.openImage(path);
  await assert.rejects(second.openDisk({ host: 'b', image: seen }), { code: 'POOL_IN_USE' });
  assert.equal(second.listDisks().length, 1);
  await first.close();
  await (await second.openDisk({ host: 'b', image: seen })).close();
});

test('a missing converter is named with its package', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'golden.qcow2');
  writeFileSync(path, Buffer.concat([Buffer.from('QFI\xfb\0\0\0\x03', 'latin1'), Buffer.alloc(5000)]));
  await assert.rejects(makePool(t, directory).openImage(path), (error: unknown) => {
    assert(error instanceof DisklessError);
    assert.equal(error.code, 'IMAGE_CONVERTER_MISSING');
    assert.match(error.hint ?? '', /qemu-utils/);
    return true;
  });
});

test('a conversion that fails leaves no half image', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'golden.vmdk');
  writeFileSync(path, Buffer.concat([Buffer.from('KDMV'), Buffer.alloc(5000)]));
  const failing: RunProcess = async (_program, args) => {
    writeFileSync(args.at(-1) ?? '', 'half');
    throw new DisklessError('PROCESS_FAILED', 'qemu-img ended with 1: bad grain table');
  };
  await assert.rejects(makePool(t, directory, failing).openImage(path), { code: 'IMAGE_CONVERSION_FAILED' });
  assert.deepEqual(readdirSync(join(directory, 'data/images')), []);
});

test('an image that changes while it is read is refused', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'golden.img');
  writeFileSync(path, diskContent(1));
  const touch = (): void => writeFileSync(path, diskContent(3));
  await assert.rejects(makePool(t, directory).openImage(path, { progress: touch }), { code: 'IMAGE_CHANGED' });
  assert.equal(statSync(path).size, SIZE);
});
