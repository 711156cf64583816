import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseDuration, parseSize } from '../../src/cli/quantity.ts';

describe('quantities', () => {
  const sizes: [string, number][] = [
    ['4096', 4096],
    ['1k', 1024],
    ['10G', 10 * 2 ** 30],
    ['1.5T', 1.5 * 2 ** 40],
    ['512 MiB', 512 * 2 ** 20],
    ['2GB', 2 * 2 ** 30],
  ];
  for (const [text, bytes] of sizes) test(`${text} is ${bytes} bytes`, () => assert.equal(parseSize(text), bytes));

  for (const text of ['', 'G', '-1', '1e9', '10X', '99999999T', '1..5G']) {
    test(`"${text}" is no size`, () => assert.throws(() => parseSize(text), { code: 'USAGE_SIZE_INVALID' }));
  }

  const durations: [string, number][] = [
    ['90', 90],
    ['90s', 90],
    ['30m', 1800],
    ['12h', 43_200],
    ['7d', 604_800],
  ];
  for (const [text, seconds] of durations) {
    test(`${text} is ${seconds} seconds`, () => assert.equal(parseDuration(text), seconds));
  }

  for (const text of ['', 'h', '-5m', '1.5h', '1w']) {
    test(`"${text}" is no duration`, () =>
      assert.throws(() => parseDuration(text), { code: 'USAGE_DURATION_INVALID' }));
  }
});
