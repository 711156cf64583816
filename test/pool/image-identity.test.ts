import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openFileDevice } from '../../src/block/file-device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';
import { identify } from '../../src/pool/image-identity.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const MIB = 1024 * 1024;

test('the identity is the digest that the documentation says', async () => {
  const content = Buffer.alloc(2 * MIB + 512, 'some content ');
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(content.length));
  const chunks = [content.subarray(0, MIB), content.subarray(MIB, 2 * MIB), content.subarray(2 * MIB)];
  const hash = createHash('sha256').update('diskless image 1\n').update(size);
  for (const chunk of chunks) hash.update(createHash('sha256').update(chunk).digest());
  assert.equal(await identify(new MemoryDevice(content)), hash.digest('hex'));
});

test('a file with holes and one with the same zeros written are the same image', async (t) => {
  const directory = temporaryDirectory(t);
  const content = Buffer.alloc(7 * MIB);
  content.fill(5, MIB, MIB + 4096);
  writeFileSync(join(directory, 'full'), content);
  const sparse = openSync(join(directory, 'sparse'), 'w');
  writeSync(sparse, content, MIB, 4096, MIB);
  closeSync(sparse);
  truncateSync(join(directory, 'sparse'), content.length);
  const identities = await Promise.all(
    ['full', 'sparse'].map(async (name) => {
      const device = openFileDevice(nodeFileSystem, join(directory, name), { readOnly: true });
      t.after(() => device.close());
      return identify(device);
    }),
  );
  assert.equal(identities[0], identities[1]);
  content[6 * MIB] = 1;
  assert.notEqual(await identify(new MemoryDevice(content)), identities[0]);
  assert.notEqual(await identify(new MemoryDevice(8 * MIB)), await identify(new MemoryDevice(7 * MIB)));
});

test('progress grows to 1, and a signal ends the reading', async () => {
  const fractions: number[] = [];
  const controller = new AbortController();
  const device = new MemoryDevice(20 * MIB);
  await identify(device, { progress: (fraction) => fractions.push(fraction) });
  assert.equal(fractions.at(-1), 1);
  assert.deepEqual(fractions, [...fractions].sort());
  const reading = identify(device, { signal: controller.signal, progress: () => controller.abort() });
  await assert.rejects(reading, { code: 'IMAGE_ABORTED' });
});
