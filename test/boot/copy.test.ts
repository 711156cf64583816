import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { copyRange } from '../../src/boot/copy.ts';

/** Gives its blocks as they may come off the wire: in pieces that are shorter than a block. */
class InPieces extends MemoryDevice {
  override read(offset: number, length: number): readonly Uint8Array[] {
    return super.read(offset, length).flatMap((part) => {
      return Array.from({ length: Math.ceil(part.length / 1500) }, (_, index) =>
        part.subarray(index * 1500, (index + 1) * 1500),
      );
    });
  }
}

test('any range of a disk is copied byte for byte, in order, with its digest', async () => {
  const size = 3 << 20;
  const content = Buffer.alloc(size);
  for (let at = 0; at < size; at += 4) content.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
  const device = new InPieces(content, { blockSize: 4096 });
  const within = fc.nat(size + 1000);
  await fc.assert(
    fc.asyncProperty(within, within, async (offset, length) => {
      const copy: Uint8Array[] = [];
      let expectedDone = 0;
      const result = await copyRange(device, { offset, length }, async (data, done) => {
        assert.equal(done, expectedDone);
        expectedDone += data.length;
        copy.push(data.slice());
      });
      const expected = content.subarray(offset, offset + length);
      assert.ok(Buffer.concat(copy).equals(expected));
      assert.equal(result.length, expected.length);
      assert.equal(result.sha256, createHash('sha256').update(expected).digest('hex'));
    }),
    {
      numRuns: 60,
      examples: [
        [0, size],
        [512, 512],
        [511, 2],
        [size, 10],
        [size - 1, 1],
        [1 << 20, 1 << 20],
      ],
    },
  );
});
