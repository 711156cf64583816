import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPageCached } from '../../src/os/page-cached.ts';

test('a memory file system is one of the page cache, others are not', { skip: process.platform !== 'linux' }, () => {
  assert(isPageCached('/dev'), 'devtmpfs: where block devices have their names');
  assert(!isPageCached('/proc/self/status'));
  assert(!isPageCached('/there/is/none'));
});
