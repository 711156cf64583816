import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { DirtyPages } from '../../src/os/dirty-pages.ts';

/** As /proc/vmstat says it. The limits are 2000 and 1000 pages: nobody sleeps below 1500. */
function statistics(dirty: number, writeback: number): string {
  const lines = ['nr_free_pages 5', `nr_dirty ${dirty}`, `nr_writeback ${writeback}`, `nr_writeback_temp 9999`];
  return [...lines, 'nr_dirtied 99999', 'nr_dirty_threshold 2000', 'nr_dirty_background_threshold 1000', ''].join('\n');
}

function areFew(text: string): boolean {
  return new DirtyPages(() => text).areFew(0);
}

test('dirty pages are few up to seven eighths of what lets nobody sleep, those on their way to the disk included', () => {
  assert(areFew(statistics(0, 0)));
  assert(areFew(statistics(1312, 0)));
  assert(!areFew(statistics(1313, 0)));
  assert(areFew(statistics(312, 1000)));
  assert(!areFew(statistics(313, 1000)));
});

test('they are not few where the system does not say', () => {
  assert(!areFew(''));
  assert(!areFew(statistics(0, 0).replace('nr_writeback ', 'nr_other ')));
});

test('a look is good for 20 ms', () => {
  let text = statistics(0, 0);
  let looks = 0;
  const pages = new DirtyPages(() => {
    looks++;
    return text;
  });
  assert(pages.areFew(0));
  text = statistics(2000, 0);
  assert(pages.areFew(19));
  assert.equal(looks, 1);
  assert(!pages.areFew(20));
  assert.equal(looks, 2);
});

test('the kernel of this machine says it', { skip: process.platform !== 'linux' }, () => {
  const real = readFileSync('/proc/vmstat', 'latin1');
  const limit = /^nr_dirty_threshold (\d+)$/m.exec(real)?.[1] ?? '';
  const waiting = (dirty: string) =>
    real.replace(/^nr_dirty \d+$/m, `nr_dirty ${dirty}`).replace(/^nr_writeback \d+$/m, 'nr_writeback 0');
  assert(areFew(waiting('0')));
  assert(!areFew(waiting(limit)));
});
