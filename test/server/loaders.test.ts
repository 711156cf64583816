import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { FileSystem } from '../../src/os/file.ts';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';
import { findLoaders } from '../../src/server/loaders.ts';

describe('loaders', () => {
  let path = '';
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'diskless-loaders-'));
  });
  afterEach(() => rm(path, { recursive: true }));

  const find = () => findLoaders(nodeFileSystem, { kind: 'directory', path });

  test('a directory of loaders is read, with those of rarer machines in folders', async () => {
    await mkdir(join(path, 'arm64-efi'));
    await writeFile(join(path, 'undionly.kpxe'), 'bios');
    await writeFile(join(path, 'snponly.efi'), 'uefi');
    await writeFile(join(path, 'arm64-efi', 'snponly.efi'), 'arm');
    await writeFile(join(path, 'secret.txt'), 'nobody’s business');
    const loaders = await find();
    assert.deepEqual(loaders.names, ['arm64-efi/snponly.efi', 'snponly.efi', 'undionly.kpxe']);
    assert.equal(Buffer.from(loaders.get('undionly.kpxe')?.bytes ?? []).toString(), 'bios');
    assert.equal(loaders.get('secret.txt'), undefined);
    assert.equal(loaders.has('ipxe.efi'), false);
  });

  test('a missing loader is named, with the place', async () => {
    await writeFile(join(path, 'snponly.efi'), 'uefi');
    await assert.rejects(find(), (error: Error & { code: string; hint: string }) => {
      assert.equal(error.code, 'LOADER_MISSING');
      assert.match(error.message, /undionly\.kpxe/);
      assert.doesNotMatch(error.message, /snponly/);
      assert.ok(error.message.includes(path));
      return true;
    });
  });

  test('a link within the folder is followed, one out of it is not', async () => {
    const inside = join(path, 'loaders');
    await mkdir(join(inside, 'arm64-efi'), { recursive: true });
    await writeFile(join(inside, 'undionly-1.kpxe'), 'bios');
    await writeFile(join(inside, 'snponly.efi'), 'uefi');
    await symlink('undionly-1.kpxe', join(inside, 'undionly.kpxe'));
    const link = join(path, 'link');
    await symlink(inside, link);
    const findIn = (directory: string) => findLoaders(nodeFileSystem, { kind: 'directory', path: directory });
    for (const directory of [inside, link, `${link}/`]) {
      assert.equal(Buffer.from((await findIn(directory)).get('undionly.kpxe')?.bytes ?? []).toString(), 'bios');
    }
    // A folder whose name begins alike is another folder.
    await writeFile(join(path, 'loaders-secret'), 'secret');
    for (const target of ['/etc/passwd', join(path, 'loaders-secret'), '../loaders-secret']) {
      await symlink(target, join(inside, 'ipxe.efi'));
      await assert.rejects(findIn(inside), { code: 'LOADER_OUTSIDE' }, target);
      await rm(join(inside, 'ipxe.efi'));
    }
    await mkdir(join(path, 'elsewhere'));
    await writeFile(join(path, 'elsewhere', 'snponly.efi'), 'secret');
    await rm(join(inside, 'arm64-efi'), { recursive: true });
    await symlink('../elsewhere', join(inside, 'arm64-efi'));
    await assert.rejects(findIn(inside), { code: 'LOADER_OUTSIDE' }, 'a folder on the way');
  });

  test('the package’s loaders are found in both of its folders, and by the links from one to the other', async () => {
    await mkdir(join(path, 'usr/lib/ipxe'), { recursive: true });
    await mkdir(join(path, 'boot'));
    await writeFile(join(path, 'usr/lib/ipxe/undionly.kpxe'), 'bios');
    await writeFile(join(path, 'boot/snponly.efi'), 'uefi');
    await writeFile(join(path, 'boot/ipxe.efi'), 'with drivers');
    await symlink('../../../boot/ipxe.efi', join(path, 'usr/lib/ipxe/ipxe.efi'));
    const machine: FileSystem = {
      ...nodeFileSystem,
      status: (name) => nodeFileSystem.status(join(path, name)),
      realPath: (name) => nodeFileSystem.realPath(join(path, name)).slice(path.length),
      readFile: (name) => nodeFileSystem.readFile(join(path, name)),
    };
    const find = () => findLoaders(machine, { kind: 'package' });
    assert.equal(Buffer.from((await find()).get('ipxe.efi')?.bytes ?? []).toString(), 'with drivers');
    await rm(join(path, 'boot/ipxe.efi'));
    await writeFile(join(path, 'secret'), 'secret');
    await symlink('../secret', join(path, 'boot/ipxe.efi'));
    await assert.rejects(find(), { code: 'LOADER_OUTSIDE' });
  });

  test('none are wanted: none are missing', async () => {
    const loaders = await findLoaders(nodeFileSystem, { kind: 'none' });
    assert.deepEqual(loaders.names, []);
  });
});
