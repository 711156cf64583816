/** The process that overlay-kill.test.ts kills: writes stamped sectors without end, and prints each once it is acknowledged. */

import { MemoryDevice } from '../../src/block/memory-device.ts';
import { openOverlay } from '../../src/block/overlay.ts';
import type { OverlayPaths } from '../../src/block/overlay-files.ts';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';

const SECTORS = 5000;
export const SIZE = SECTORS * 512;
export const IDENTITY = new Uint8Array(32).fill(3);

export function paths(directory: string): OverlayPaths {
  return { data: `${directory}/data`, map: `${directory}/map`, live: `${directory}/live` };
}

export function stampedSector(stamp: number): Uint8Array {
  return new Uint8Array(new Uint32Array(128).fill(stamp).buffer);
}

async function writeForever(directory: string, round: number): Promise<never> {
  const disk = await openOverlay(nodeFileSystem, paths(directory), new MemoryDevice(SIZE), IDENTITY);
  for (let stamp = round * 1_000_000 + 1; ; stamp++) {
    const sector = (stamp * 7919) % SECTORS;
    await disk.write(sector * 512, [stampedSector(stamp)]);
    // Waits where the reader is slow, which writeSync does not: it raises EAGAIN then.
    process.stdout.write(`${sector} ${stamp}\n`);
    // A flush now and then, not waited for: the kill hits one in every state.
    if (stamp % 50 === 0) void Promise.resolve(disk.flush());
  }
}

const [, script, directory, round] = process.argv;
if (script === import.meta.filename && directory !== undefined) await writeForever(directory, Number(round));
