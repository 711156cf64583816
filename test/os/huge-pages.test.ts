import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { pagedMemory } from '../../src/os/huge-pages.ts';

const MiB = 1 << 20;

test('what is wanted is zeros within the memory, whatever its size', () => {
  for (const size of [1, 4096, 3 * MiB]) {
    const { memory, start } = pagedMemory(size);
    const bytes = new Uint8Array(memory, start, size);
    assert.equal(
      bytes.findIndex((byte) => byte !== 0),
      -1,
    );
  }
});

/** The parts of this process's memory for which huge pages are asked: their first addresses and lengths (proc(5)). */
function advised(): { start: bigint; length: number }[] {
  const areas = readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  return areas.flatMap((area) => {
    const [, first = '', last = ''] = /^([0-9a-f]+)-([0-9a-f]+) /.exec(area) ?? [];
    if (!/^VmFlags:.* hg/m.test(area)) return [];
    const start = BigInt(`0x${first}`);
    return [{ start, length: Number(BigInt(`0x${last}`) - start) }];
  });
}

test('the kernel is asked for huge pages, from the first byte that is wanted on', (t) => {
  if (!existsSync('/sys/kernel/mm/transparent_hugepage')) return t.skip('this kernel has no huge pages to ask for');
  // A length that nothing else of this process has.
  const size = 18 * MiB;
  const ofSize = (): { start: bigint; length: number }[] => advised().filter(({ length }) => length === size);
  assert.deepEqual(ofSize(), []);
  const { memory, start } = pagedMemory(size);
  const [area] = ofSize();
  assert(area !== undefined);
  assert.equal(area.start % BigInt(2 * MiB), 0n, 'where a huge page can begin');
  // Its bytes are that area: what is written to them is there.
  new Uint8Array(memory, start, size).fill(1);
  const all = readFileSync('/proc/self/smaps', 'utf8');
  const rss = Number(/^Rss:\s+(\d+) kB$/m.exec(all.slice(all.indexOf(`${area.start.toString(16)}-`)))?.[1]);
  assert.equal(rss, size / 1024);
});
