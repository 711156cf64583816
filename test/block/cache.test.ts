import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CacheDevice } from '../../src/block/cache.ts';
import type { Device, Extent } from '../../src/block/device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';

const LINE = 4096;
const LINES = 36;
/** The last line is short. */
const SIZE = LINE * LINES - 1024;
const content = Uint8Array.from({ length: SIZE }, (_, index) => (index * 7 + (index >> 8)) & 255);

interface Base extends Device {
  /** Offsets read so far. */
  readonly reads: number[];
  /** Lets the reads that wait go on, or fail. */
  answer(error?: Error): Promise<void>;
}

function baseDevice(options: { later?: boolean; holes?: readonly number[] } = {}): Base {
  const memory = new MemoryDevice(content, { readOnly: true });
  const reads: number[] = [];
  let waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  return {
    size: memory.size,
    blockSize: memory.blockSize,
    physicalBlockSize: memory.physicalBlockSize,
    readOnly: true,
    capabilities: memory.capabilities,
    reads,
    read(offset, length) {
      reads.push(offset);
      if (!options.later) return memory.read(offset, length);
      return new Promise((resolve, reject) => {
        waiting.push({ resolve: () => resolve(memory.read(offset, length)), reject });
      });
    },
    async answer(error) {
      const now = waiting;
      waiting = [];
      for (const read of now) error === undefined ? read.resolve() : read.reject(error);
      await new Promise((resolve) => setImmediate(resolve));
    },
    write: (offset, data) => memory.write(offset, data),
    flush: () => memory.flush(),
    unmap: (offset, length) => memory.unmap(offset, length),
    writeZeroes: (offset, length) => memory.writeZeroes(offset, length),
    extents(offset, length): Extent[] {
      const hole = options.holes?.includes(offset / LINE) ?? false;
      return [{ offset, length, allocated: !hole, zero: hole }];
    },
    close: () => memory.close(),
  };
}

function inMemory(result: readonly Uint8Array[] | Promise<readonly Uint8Array[]>): Buffer {
  assert(!(result instanceof Promise), 'answered in this turn');
  return Buffer.concat(result);
}

const expected = (offset: number, length: number): Buffer => Buffer.from(content.subarray(offset, offset + length));

test('reads give the bytes of the image, whatever was read before, and the budget is kept', async () => {
  const reads = fc.array(fc.tuple(fc.nat(SIZE - 1), fc.integer({ min: 1, max: 5 * LINE })), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(
      reads,
      // All lines stay from 37 on.
      fc.integer({ min: 1, max: 44 }),
      fc.boolean(),
      fc.nat(4),
      async (wanted, lines, later, readAhead) => {
        const base = baseDevice({ later });
        const budget = lines * LINE + 4096;
        const cache = new CacheDevice(base, { budget, lineSize: LINE, readAhead });
        for (const [offset, most] of wanted) {
          const length = Math.min(most, SIZE - offset);
          const reading = cache.read(offset, length);
          await base.answer();
          assert.deepEqual(Buffer.concat(await reading), expected(offset, length));
          assert(cache.statistics.bytesKept <= Math.max(budget, LINE + 128));
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('a hit is a slice of the line itself, given at once', () => {
  const base = baseDevice();
  const cache = new CacheDevice(base, { lineSize: LINE });
  const [first] = cache.read(512, 512) as readonly Uint8Array[];
  const [second] = cache.read(1024, 512) as readonly Uint8Array[];
  assert(first !== undefined && second !== undefined);
  assert.equal(first.buffer, second.buffer);
  assert.deepEqual(base.reads, [0]);
  assert.deepEqual(inMemory(cache.read(512, 512)), expected(512, 512));
});

test('lines that are sure to stay lie side by side, and what crosses them is one slice', async () => {
  const base = baseDevice({ later: true, holes: [20] });
  const cache = new CacheDevice(base, { lineSize: LINE, readAhead: 0 });
  const read = async (line: number, count: number): Promise<number[]> => {
    const reading = cache.read(line * LINE, count * LINE);
    await base.answer();
    return (await reading).map((slice) => slice.length / LINE);
  };
  await read(3, 1);
  assert.deepEqual(await read(1, 4), [4], 'whatever came first');
  assert.deepEqual(await read(18, 4), [2, 1, 1], 'a hole has no memory');
  assert.deepEqual(inMemory(cache.read(LINE + 100, 3 * LINE)), expected(LINE + 100, 3 * LINE));
  const small = new CacheDevice(baseDevice(), { lineSize: LINE, budget: (LINES - 1) * (LINE + 128) });
  assert.equal((await small.read(LINE, 4 * LINE)).length, 4, 'lines that may be dropped are alone');
});

test('all who miss a line wait for one read of it', async () => {
  const base = baseDevice({ later: true });
  const cache = new CacheDevice(base, { lineSize: LINE, readAhead: 0 });
  const readers = [0, 512, 1024].map((offset) => cache.read(offset, 512));
  const across = cache.read(LINE - 512, 1024);
  assert.deepEqual(base.reads, [0, LINE]);
  await base.answer();
  for (const [index, reader] of readers.entries()) {
    assert.deepEqual(Buffer.concat(await reader), expected(index * 512, 512));
  }
  assert.deepEqual(Buffer.concat(await across), expected(LINE - 512, 1024));
  inMemory(cache.read(LINE, 512));
});

test('a reader that goes straight on finds the next lines there; one that jumps causes no reads that nobody wants', async () => {
  const base = baseDevice({ later: true });
  const cache = new CacheDevice(base, { lineSize: LINE, readAhead: 3 });
  const first = cache.read(0, 512);
  await base.answer();
  await first;
  assert.deepEqual(base.reads, [0]);
  const second = cache.read(LINE, 512);
  assert.deepEqual(base.reads, [0, LINE, 2 * LINE, 3 * LINE, 4 * LINE]);
  await base.answer();
  await second;
  inMemory(cache.read(2 * LINE, 512));
  assert.equal(base.reads.at(-1), 5 * LINE, 'the window moves on before the reader comes to its end');
  const jump = cache.read(9 * LINE + 512, 512);
  assert.equal(base.reads.at(-1), 9 * LINE);
  await base.answer();
  await jump;
});

test('a dropped line leaves the slices of it as they were', () => {
  const cache = new CacheDevice(baseDevice(), { lineSize: LINE, budget: LINE, readAhead: 0 });
  const early = inMemory(cache.read(0, LINE));
  const [slice] = cache.read(0, LINE) as readonly Uint8Array[];
  for (let line = 1; line < LINES; line++) inMemory(cache.read(line * LINE, 512));
  assert(slice !== undefined);
  assert.deepEqual(Buffer.from(slice), early);
});

test('lines that are read again outlive lines that are not', () => {
  const base = baseDevice();
  const cache = new CacheDevice(base, { lineSize: LINE, budget: 4 * (LINE + 128), readAhead: 0 });
  for (let line = 1; line < LINES - 1; line++) {
    inMemory(cache.read(0, 512));
    inMemory(cache.read(line * LINE, 512));
  }
  assert.equal(
    base.reads.filter((offset) => offset === 0).length <= 2,
    true,
    `line 0 was read ${base.reads.length} times`,
  );
});

test('holes are answered without reading and without memory', () => {
  const base = baseDevice({ holes: [2, 3] });
  const cache = new CacheDevice(base, { lineSize: LINE, readAhead: 0 });
  const bytes = inMemory(cache.read(2 * LINE, 2 * LINE));
  assert(bytes.every((byte) => byte === 0));
  assert.deepEqual(base.reads, []);
  assert(cache.statistics.bytesKept < LINE);
});

test('a failed read fails those who wait for it, and the next one tries again', async () => {
  const base = baseDevice({ later: true });
  const cache = new CacheDevice(base, { lineSize: LINE, readAhead: 2 });
  const reading = cache.read(LINE - 512, 1024);
  const rejected = assert.rejects(async () => reading, /ill/);
  await base.answer(new Error('ill'));
  await rejected;
  const again = cache.read(LINE - 512, 1024);
  await base.answer();
  assert.deepEqual(Buffer.concat(await again), expected(LINE - 512, 1024));
});

test('an image is never written', () => {
  const cache = new CacheDevice(baseDevice());
  assert.throws(() => cache.write(), { code: 'DEVICE_READ_ONLY' });
  assert.throws(() => cache.unmap(), { code: 'DEVICE_READ_ONLY' });
  assert.throws(() => cache.writeZeroes(), { code: 'DEVICE_READ_ONLY' });
});

test('a line that its base gives as a part of a larger memory is that part', () => {
  const base = baseDevice();
  const larger = Buffer.concat([Buffer.alloc(100, 0xee), content, Buffer.alloc(100, 0xee)]);
  const inside: Device = { ...base, read: (offset, length) => [larger.subarray(100 + offset, 100 + offset + length)] };
  const cache = new CacheDevice(inside, { lineSize: LINE });
  for (let pass = 0; pass < 2; pass++)
    assert.deepEqual(inMemory(cache.read(10, SIZE - 20)), Buffer.from(content.subarray(10, SIZE - 10)));
});
