import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { partitionTypes, sectorSize, writePartitionTable } from '../../scripts/disk-image/gpt.ts';
import { findProgram, requires } from '../support/requires.ts';

const sectors = 8192;
const partitions = [
  { type: partitionTypes.biosBoot, name: 'BIOS boot', start: 2048, length: 2048 },
  { type: partitionTypes.linuxFileSystem, name: 'root', start: 4096, length: 2048 },
];

async function withImage(use: (path: string) => Promise<void> | void): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'diskless-gpt-'));
  try {
    const path = join(folder, 'disk.img');
    const disk = await open(path, 'wx+');
    await disk.truncate(sectors * sectorSize);
    await writePartitionTable(disk, sectors, partitions, 'seed');
    await disk.close();
    await use(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('both headers carry the checksums of UEFI 2.10 §5.3.2 and point at each other', () =>
  withImage(async (path) => {
    const image = await readFile(path);
    for (const [own, other] of [
      [1, sectors - 1],
      [sectors - 1, 1],
    ] as const) {
      const header = Buffer.from(image.subarray(own * sectorSize, own * sectorSize + 92));
      assert.equal(header.toString('latin1', 0, 8), 'EFI PART');
      const checksum = header.readUInt32LE(16);
      header.writeUInt32LE(0, 16);
      assert.equal(checksum, crc32(header));
      assert.equal(header.readBigUInt64LE(24), BigInt(own));
      assert.equal(header.readBigUInt64LE(32), BigInt(other));
      const entries = Number(header.readBigUInt64LE(72)) * sectorSize;
      assert.equal(header.readUInt32LE(88), crc32(image.subarray(entries, entries + 128 * 128)));
    }
  }));

test('the same seed gives the same disk', () =>
  withImage(async (first) => {
    const one = await readFile(first);
    await withImage(async (second) => assert.deepEqual(await readFile(second), one));
  }));

test('sfdisk reads the table and finds nothing to complain about', (t) => {
  if (!requires(t, 'sfdisk')) return;
  return withImage((path) => {
    const sfdisk = findProgram('sfdisk') ?? 'sfdisk';
    assert.match(execFileSync(sfdisk, ['--verify', path], { encoding: 'utf8' }), /No errors detected/);
    const { partitiontable } = JSON.parse(execFileSync(sfdisk, ['--json', path], { encoding: 'utf8' }));
    assert.equal(partitiontable.label, 'gpt');
    const seen = partitiontable.partitions.map(({ type, name, start, size }: Record<string, string | number>) => ({
      type: String(type).toLowerCase(),
      name,
      start,
      length: size,
    }));
    assert.deepEqual(seen, partitions);
  });
});
