/** What is kept of images and disks, and its removal, while another process may have the pool open. */

import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';
import type { RunProcess } from '../../src/os/process.ts';
import { LocalPool } from '../../src/pool/local.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const SIZE = 256 * 1024;

function diskContent(value: number): Buffer {
  const bytes = Buffer.alloc(SIZE, value);
  bytes.write('\x55\xaa', 510, 'latin1');
  return bytes;
}

/** Takes a "qcow2" of this test for its content with another beginning. */
const convert: RunProcess = async (_program, args) => {
  const [source = '', target = ''] = args.slice(-2);
  copyFileSync(`${source}.content`, target);
};

function rig(t: TestContext) {
  const directory = temporaryDirectory(t);
  const data = join(directory, 'data');
  const pool = () => {
    const opened = new LocalPool({ directory: data, fileSystem: nodeFileSystem, run: convert });
    t.after(() => opened.close());
    return opened;
  };
  const raw = (name: string, value: number) => {
    const path = join(directory, name);
    writeFileSync(path, diskContent(value));
    return path;
  };
  const virtual = (name: string, value: number) => {
    const path = join(directory, name);
    writeFileSync(path, Buffer.concat([Buffer.from('QFI\xfb\0\0\0\x03', 'latin1'), Buffer.alloc(5000, value)]));
    writeFileSync(`${path}.content`, diskContent(value));
    return path;
  };
  return { directory, data, pool, raw, virtual, images: () => readdirSync(join(data, 'images')) };
}

test('images are listed with their sources, what they were converted to, and their disks; former ones too', async (t) => {
  const { pool, raw, virtual } = rig(t);
  const server = pool();
  const path = raw('golden.img', 1);
  const first = await server.openImage(path);
  await (await server.openDisk({ host: 'a', image: first })).close();
  writeFileSync(path, diskContent(2));
  utimesSync(path, 1, 1);
  const second = await server.openImage(path);
  await (await server.openDisk({ host: 'a', image: second })).close();
  const converted = await server.openImage(virtual('golden.qcow2', 3));
  const images = new Map(
    pool()
      .listImages()
      .map((image) => [image.identity, image]),
  );
  assert.equal(images.size, 3);
  const of = ({ identity }: { readonly identity: string }) => images.get(identity.slice(0, 16));
  assert.deepEqual(of(first)?.sources, [], 'the file has another content now');
  assert.deepEqual(
    of(first)?.disks.map(({ host }) => host),
    ['a'],
  );
  assert.deepEqual(of(second)?.sources, [{ path, size: SIZE, isCurrent: true }]);
  assert.equal(of(second)?.converted, undefined);
  assert.equal(of(converted)?.converted?.size, SIZE);
  assert.deepEqual(of(converted)?.disks, []);
  utimesSync(path, 2, 2);
  assert.equal(
    pool()
      .listImages()
      .find(({ identity }) => second.identity.startsWith(identity))?.sources[0]?.isCurrent,
    false,
  );
});

test('an image goes with all that is kept of it, but not with its source, and not while disks are over it', async (t) => {
  const { pool, virtual, images } = rig(t);
  const path = virtual('golden.qcow2', 3);
  const server = pool();
  const image = await server.openImage(path);
  const disk = await server.openDisk({ host: 'a', image });
  const identity = image.identity.slice(0, 16);
  const others = pool();
  await assert.rejects(others.removeImage(identity), { code: 'IMAGE_IN_USE', message: /disks over the image .*: a$/ });
  await assert.rejects(others.removeImage(identity, { withDisks: true }), { code: 'IMAGE_IN_USE' });
  await disk.close();
  await assert.rejects(others.removeImage(identity, { withDisks: true }), {
    code: 'IMAGE_IN_USE',
    message: /server has the image/,
  });
  assert.equal(others.listDisks().length, 1, 'refused as a whole');
  await server.close();
  await others.removeImage(identity, { withDisks: true });
  assert.deepEqual(others.listImages(), []);
  assert.deepEqual(images(), []);
  assert.ok(existsSync(path));
  await assert.rejects(others.removeImage(identity), { code: 'IMAGE_UNKNOWN' });
  assert.equal((await pool().openImage(path)).identity, image.identity, 'it is converted anew');
});

test('of several disks none is removed while one is open', async (t) => {
  const { pool, raw } = rig(t);
  const server = pool();
  const image = await server.openImage(raw('golden.img', 1));
  for (const host of ['a', 'b']) await (await server.openDisk({ host, image })).close();
  const open = await server.openDisk({ host: 'b', image });
  const others = pool();
  await assert.rejects(others.removeImage(image.identity, { withDisks: true }), { code: 'DISK_IN_USE' });
  assert.equal(others.listDisks().length, 2);
  assert.equal(await others.removeDisks('a', image.identity), 1, 'beside a running server');
  await open.close();
  await others.removeImage(image.identity, { withDisks: true });
  assert.deepEqual(others.listDisks(), []);
  assert.equal(others.listImages().length, 0);
});

test('one removal at a time', async (t) => {
  const { pool, raw, data } = rig(t);
  const server = pool();
  const image = await server.openImage(raw('golden.img', 1));
  await (await server.openDisk({ host: 'a', image })).close();
  const lock = nodeFileSystem.open(join(data, 'removal.lock'), 'create');
  lock.lock();
  await assert.rejects(pool().removeDisks('a'), { code: 'POOL_IN_USE' });
  await assert.rejects(pool().removeImage(image.identity), { code: 'POOL_IN_USE' });
  await lock.close();
  assert.equal(await pool().removeDisks('a'), 1);
});
