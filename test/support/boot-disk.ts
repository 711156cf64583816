/** A small disk that looks as if a machine could boot from it, with a partition table made by another program. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

const SIZE = 16 << 20;
const DATA_AT = 4 << 20;

/** Writes 16 MiB to `path`: GRUB's mark, a GPT with an ESP and a partition "root", and bytes that tell where they belong. */
export function makeBootDisk(path: string): void {
  const disk = Buffer.alloc(SIZE);
  disk.write('GRUB', 384);
  for (let at = DATA_AT; at < SIZE; at += 4) disk.writeUInt32LE((at * 2_654_435_761) % 2 ** 32, at);
  writeFileSync(path, disk);
  const table = 'label: gpt\nstart=2048, size=2048, type=uefi, name=ESP\nstart=4096, type=linux, name=root\n';
  const made = spawnSync('sfdisk', ['--quiet', path], { input: table, encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
}
