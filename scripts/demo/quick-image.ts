/** A small disk image that needs no tool to make: a partition table and a partition whose content can be recognised. */
import { open } from 'node:fs/promises';
import { partitionTypes, sectorSize, writePartitionTable } from '../disk-image/gpt.ts';

const mebibyte = 1024 * 1024;
const size = 64 * mebibyte;
const partitionStart = 1 * mebibyte;

export const greeting = 'This block came over iSCSI from a boot server written in TypeScript.';

export async function makeQuickImage(path: string): Promise<void> {
  const disk = await open(path, 'wx+');
  try {
    await disk.truncate(size);
    const partition = {
      type: partitionTypes.linuxFileSystem,
      name: 'diskless demo',
      start: partitionStart / sectorSize,
      length: (size - 2 * mebibyte) / sectorSize,
    };
    await writePartitionTable(disk, size / sectorSize, [partition], 'diskless quick demo');
    await disk.write(`${greeting}\n`, partitionStart, 'utf8');
  } finally {
    await disk.close();
  }
}
