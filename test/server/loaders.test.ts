import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
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
    assert.equal(Buffer.from(loaders.read('undionly.kpxe') ?? []).toString(), 'bios');
    assert.equal(loaders.read('secret.txt'), undefined);
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

  test('none are wanted: none are missing', async () => {
    const loaders = await findLoaders(nodeFileSystem, { kind: 'none' });
    assert.deepEqual(loaders.names, []);
  });
});
