import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineMemory } from '../../src/block/line-memory.ts';

const LINE = 64;
const LINES = 20;
/** The last line is short. */
const SIZE = LINE * LINES - 10;
const HOLE = 7;
const content = Uint8Array.from({ length: SIZE }, (_, index) => (isHole(index) ? 0 : (index * 7 + (index >> 8)) & 255));

function isHole(index: number): boolean {
  return Math.floor(index / LINE) === HOLE;
}

/** Keeps all lines in the order that is given, and gives their memories in the order of their places. */
function fill(memory: LineMemory, order: readonly number[]): ArrayBufferLike[] {
  const lines: ArrayBufferLike[] = [];
  for (const index of order) {
    const bytes = content.slice(index * LINE, (index + 1) * LINE);
    // As bases give them: in one piece, or in several.
    const parts = index % 3 === 0 ? [bytes.subarray(0, 5), bytes.subarray(5)] : [bytes];
    lines[index] = index === HOLE ? memory.zeros : memory.keep(index * LINE, parts);
  }
  return lines;
}

const everyLine = Array.from({ length: LINES }, (_, index) => index);

test('slices have the bytes of their places, wherever lines lie and in whatever order they came', () => {
  fc.assert(
    fc.property(
      fc.shuffledSubarray(everyLine, { minLength: LINES }),
      fc.boolean(),
      fc.integer({ min: 1, max: 7 }),
      fc.array(fc.tuple(fc.nat(SIZE - 1), fc.integer({ min: 1, max: 9 * LINE })), { minLength: 1, maxLength: 20 }),
      (order, allStay, linesOfPiece, reads) => {
        const memory = new LineMemory({ size: SIZE, lineSize: LINE, allStay, pieceSize: linesOfPiece * LINE });
        const lines = fill(memory, order);
        for (const [offset, most] of reads) {
          const end = Math.min(offset + most, SIZE);
          const range = lines.slice(Math.floor(offset / LINE), Math.ceil(end / LINE));
          const slices = memory.slices(range, offset, end - offset);
          assert.deepEqual(Buffer.concat(slices), Buffer.from(content.subarray(offset, end)));
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('lines side by side are one slice, up to the end of their piece of memory', () => {
  const memory = new LineMemory({ size: SIZE, lineSize: LINE, allStay: true, pieceSize: 4 * LINE });
  const lines = fill(memory, everyLine);
  const slices = (first: number, last: number): number[] =>
    memory.slices(lines.slice(first, last + 1), first * LINE, (last + 1 - first) * LINE).map(({ length }) => length);
  assert.deepEqual(slices(0, 3), [4 * LINE]);
  assert.deepEqual(slices(2, 5), [2 * LINE, 2 * LINE]);
  assert.deepEqual(slices(5, 8), [2 * LINE, LINE, LINE], 'a hole lies elsewhere');
});

test('a line that may be dropped has a memory of its own, of no more than its bytes', () => {
  const memory = new LineMemory({ size: SIZE, lineSize: LINE, allStay: false });
  const lines = fill(memory, everyLine);
  assert.equal(new Set(lines).size, LINES);
  assert(lines.every((line) => line.byteLength <= LINE));
});
