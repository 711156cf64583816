import assert from 'node:assert/strict';
import { test } from 'node:test';
import { POOL_SHARE, PoolShare } from '../../src/os/pool-share.ts';

test('a file has its share of the pool and no more, in the order of asking', () => {
  const share = new PoolShare();
  const started: number[] = [];
  const asked = POOL_SHARE * 2;
  for (let number = 0; number < asked; number++) share.enter(() => started.push(number));
  const inOrder = (count: number) => Array.from({ length: count }, (_, number) => number);
  assert.deepEqual(started, inOrder(POOL_SHARE));
  for (let left = 1; left <= asked; left++) {
    share.leave();
    assert.deepEqual(started, inOrder(Math.min(asked, POOL_SHARE + left)));
  }
  // All have left: the whole share is free again.
  for (let number = asked; number < asked + POOL_SHARE; number++) share.enter(() => started.push(number));
  assert.equal(started.length, asked + POOL_SHARE);
});
