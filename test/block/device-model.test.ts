/** Every writable device is a plain array of bytes: random work on each, held against one. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { CacheDevice } from '../../src/block/cache.ts';
import type { Device } from '../../src/block/device.ts';
import { openFileDevice } from '../../src/block/file-device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { openOverlay } from '../../src/block/overlay.ts';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const SECTORS = 8 * 40 + 5;
const SIZE = SECTORS * 512;
const original = Uint8Array.from({ length: SIZE }, (_, index) => (index * 13 + (index >> 9)) & 255);

const devices: Record<string, (t: TestContext, directory: string) => Promise<Device>> = {
  memory: async () => new MemoryDevice(original),
  file: async (_t, directory) => {
    writeFileSync(join(directory, 'image'), original);
    return openFileDevice(nodeFileSystem, join(directory, 'image'));
  },
  'overlay over a cached file': async (t, directory) => {
    writeFileSync(join(directory, 'image'), original);
    const file = openFileDevice(nodeFileSystem, join(directory, 'image'), { readOnly: true });
    const cache = new CacheDevice(file, { lineSize: 16384, budget: 40_000 });
    t.after(() => cache.close());
    const paths = { data: join(directory, 'data'), map: join(directory, 'map'), live: join(directory, 'live') };
    return openOverlay(nodeFileSystem, paths, cache, new Uint8Array(32));
  },
};

const step = fc.record({
  kind: fc.constantFrom('write', 'write', 'write', 'read', 'read', 'unmap', 'writeZeroes', 'flush', 'extents'),
  first: fc.nat(SECTORS - 1),
  count: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: SECTORS })),
  seed: fc.nat(255),
  fua: fc.boolean(),
});

for (const [name, make] of Object.entries(devices)) {
  test(`${name} is an array of bytes`, async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const device = await make(t, temporaryDirectory(t));
        const model = Uint8Array.from(original);
        const held: { buffer: Uint8Array; copy: Uint8Array }[] = [];
        assert.equal(device.size, SIZE);
        for (const { kind, first, count, seed, fua } of steps) {
          const offset = first * 512;
          const length = Math.min(count, SECTORS - first) * 512;
          if (kind === 'write') {
            const data = Uint8Array.from({ length }, (_, index) => (index + seed) & 255);
            const cut = length / 2;
            await device.write(offset, [data.subarray(0, cut), data.subarray(cut)], { fua });
            model.set(data, offset);
          } else if (kind === 'unmap' || kind === 'writeZeroes') {
            await (kind === 'unmap' ? device.unmap(offset, length) : device.writeZeroes(offset, length, { fua }));
            model.fill(0, offset, offset + length);
          } else if (kind === 'flush') {
            await device.flush();
          } else if (kind === 'read') {
            const parts = await device.read(offset, length);
            assert.deepEqual(Buffer.concat(parts), Buffer.from(model.subarray(offset, offset + length)));
            for (const buffer of parts) held.push({ buffer, copy: Uint8Array.from(buffer) });
          } else {
            let at = offset;
            for (const extent of await device.extents(offset, length)) {
              assert.equal(extent.offset, at);
              at += extent.length;
              if (extent.zero) assert(model.subarray(extent.offset, at).every((byte) => byte === 0));
            }
            assert.equal(at, offset + length);
          }
        }
        assert.deepEqual(Buffer.concat(await device.read(0, SIZE)), Buffer.from(model));
        for (const { buffer, copy } of held)
          assert(Buffer.compare(buffer, copy) === 0, 'what was read stays as it was');
        await device.close();
      }),
      { numRuns: 40 },
    );
  });
}
