import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteQueue } from '../../src/bytes/byte-queue.ts';

test('whatever the chunks are, the bytes come out in their order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 200 }),
      fc.infiniteStream(fc.nat(60)),
      (chunks, sizes) => {
        const queue = new ByteQueue();
        const all = Buffer.concat(chunks);
        let taken = 0;
        for (const chunk of chunks) {
          queue.push(chunk);
          const length = Math.min(queue.length, sizes.next().value ?? 0);
          if (length > 0) assert.equal(queue.peek(length - 1), all[taken + length - 1]);
          if (queue.length >= 4) assert.equal(queue.peekU32(), all.readUInt32BE(taken));
          const bytes = length % 2 === 0 ? queue.take(length) : Buffer.concat(queue.takeSlices(length));
          assert.deepEqual(Buffer.from(bytes), all.subarray(taken, taken + length));
          taken += length;
        }
        assert.equal(queue.length, all.length - taken);
      },
    ),
  );
});

test('bytes in one chunk are not copied, and those in several only when they must be in one buffer', () => {
  const queue = new ByteQueue();
  const first = Uint8Array.of(1, 2, 3, 4);
  const second = Uint8Array.of(5, 6);
  queue.push(first);
  queue.push(second);
  assert.equal(queue.take(2).buffer, first.buffer);
  const slices = queue.takeSlices(3);
  assert.deepEqual(
    slices.map(({ buffer }) => buffer),
    [first.buffer, second.buffer],
  );
  assert.throws(() => queue.take(2), RangeError);
});
