import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BlockMap, BlockState, MAP_PAGE_SIZE } from '../../src/block/block-map.ts';

const BLOCKS_PER_PAGE = MAP_PAGE_SIZE * 4;
/** Three pages, the last one short. */
const BLOCKS = BLOCKS_PER_PAGE * 2 + 1000;

const change = fc.record({
  // Near the edges of bytes and pages, where mistakes are made.
  first: fc.oneof(fc.nat(40), fc.integer({ min: BLOCKS_PER_PAGE - 20, max: BLOCKS_PER_PAGE + 20 }), fc.nat(BLOCKS - 1)),
  count: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: BLOCKS })),
  state: fc.constantFrom(BlockState.inherit, BlockState.data, BlockState.zero),
});

test('the map is an array of states, and its mirror holds the same bits', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      const model = new Uint8Array(BLOCKS);
      const mirror = new Uint8Array(MAP_PAGE_SIZE * 3);
      const map = new BlockMap(BLOCKS, { write: (offset, bytes) => mirror.set(bytes, offset) });
      for (const { first, count, state } of changes) {
        const end = Math.min(BLOCKS, first + count);
        map.set(first, end, state);
        model.fill(state, first, end);
      }
      for (let block = 0; block < BLOCKS; block = map.runEnd(block, BLOCKS)) {
        const end = map.runEnd(block, BLOCKS);
        assert(model.subarray(block, end).every((state) => state === map.state(block)));
        if (end < BLOCKS) assert.notEqual(model[end], model[block], 'a run is as long as it can be');
      }
      for (let index = 0; index < map.pageCount; index++) {
        const page = map.page(index) ?? new Uint8Array(MAP_PAGE_SIZE);
        assert.deepEqual(mirror.subarray(index * MAP_PAGE_SIZE, (index + 1) * MAP_PAGE_SIZE), page);
      }
    }),
    { numRuns: 60 },
  );
});

test('only pages that changed are dirty, and they are so once', () => {
  const map = new BlockMap(BLOCKS, { write: () => undefined });
  map.set(5, 9, BlockState.data);
  map.set(BLOCKS_PER_PAGE * 2 + 1, BLOCKS_PER_PAGE * 2 + 3, BlockState.zero);
  assert.deepEqual(map.takeDirty(), [0, 2]);
  map.set(6, 8, BlockState.data);
  assert.deepEqual(map.takeDirty(), [], 'what is so already changes nothing');
  assert.equal(map.page(1), undefined, 'an untouched page takes no memory');
});

test('what the mirror does not take does not happen', () => {
  let full = false;
  const map = new BlockMap(BLOCKS, {
    write: () => {
      if (full) throw new Error('full');
    },
  });
  map.set(0, 10, BlockState.data);
  full = true;
  assert.throws(() => map.set(5, 20, BlockState.zero), /full/);
  assert.equal(map.runEnd(0, BLOCKS), 10);
  assert.equal(map.state(0), BlockState.data);
});
