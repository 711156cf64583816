import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { SHORT_LIVED_LIMIT, shortLivedBuffer } from '../../src/os/short-lived-memory.ts';

const module = new URL('../../src/os/short-lived-memory.ts', import.meta.url).href;

/** Takes 1600 MiB in chunks that are garbage at once; gives how often the collector looked at young and at all objects meanwhile. */
const program = `
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
const { collectShortLivedMemory, shortLivedBuffer } = await import(${JSON.stringify(module)});
const counts = { young: 0, all: 0 };
const observer = new PerformanceObserver((list) => {
  for (const { detail } of list.getEntries()) {
    if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) counts.young++;
    if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) counts.all++;
  }
});
observer.observe({ entryTypes: ['gc'] });
if (process.argv[1] === 'collect') collectShortLivedMemory();
for (let chunk = 0; chunk < 25_600; chunk++) {
  shortLivedBuffer(65536);
  if (chunk % 16 === 0) await setImmediate();
}
await setImmediate();
console.log(JSON.stringify(counts));
`;

async function collections(how: 'collect' | 'leave'): Promise<{ young: number; all: number }> {
  const run = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program, how]);
  return JSON.parse(run.stdout);
}

test('what is needed for a moment only is collected as young objects, where all objects would be looked at for it', async () => {
  const left = await collections('leave');
  const { young, all } = await collections('collect');
  assert.ok(young >= Math.floor((1600 << 20) / SHORT_LIVED_LIMIT), `${young} looks at young objects`);
  // V8 decides when it looks at all of them, and on a busy machine does so less often; a few times it has reasons of its own.
  assert.ok(20 * all <= young, `${all} looks at all objects, and ${young} at young ones`);
  assert.ok(20 * left.all > left.young, `${left.all} and ${left.young} in a program that has not asked for it`);
});

test('small pieces share a memory of 64 KiB and no bytes, large ones have their own', () => {
  const sizes = [512, 4096, 16_384, 16_385, 1, 65_536, 8192, 262_144];
  const pieces = Array.from({ length: 400 }, (_, index) => shortLivedBuffer(sizes[index % sizes.length] ?? 0));
  for (const [index, piece] of pieces.entries()) piece.fill(index);
  const memories = new Set<ArrayBufferLike>();
  for (const [index, piece] of pieces.entries()) {
    const size = sizes[index % sizes.length] ?? 0;
    assert.equal(piece.length, size);
    assert.ok(
      piece.every((byte) => byte === (index & 0xff)),
      `piece ${index} is as it was filled`,
    );
    assert.equal(piece.buffer.byteLength, size > 16_384 ? size : 65_536);
    if (size <= 16_384) memories.add(piece.buffer);
  }
  assert.ok(memories.size < 40, `${memories.size} memories for 250 small pieces`);
});
