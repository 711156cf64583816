/** Sizes for people. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kibibytes, sizeText } from '../../src/bytes/index.ts';

test('a size is said in the largest unit that it fills, with one digit behind the point where it needs one', () => {
  const sizes: readonly (readonly [number, string])[] = [
    [0, '0 B'],
    [512, '512 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [2 ** 30 - 1, '1024.0 MiB'],
    [20 * 2 ** 30, '20 GiB'],
    [2 ** 52, '4096 TiB'],
  ];
  for (const [bytes, text] of sizes) assert.equal(sizeText(bytes), text);
});

test('a part of a kibibyte counts as one', () => {
  assert.deepEqual([0, 1, 1024, 1025].map(kibibytes), ['0 KiB', '1 KiB', '1 KiB', '2 KiB']);
});
