/** The file of `--ibft`: what a boot has found, for a system that is started next. */

import type { BootResult } from '../boot/boot.ts';
import { ibftOf } from '../boot/hand-over-ibft.ts';
import { wayToDisk } from '../boot/way-to-disk.ts';
import { encodeIbft } from '../ibft/index.ts';
import { nodeFileSystem } from '../os/node-file-system.ts';
import { pciPlaceOf } from '../os/pci-address.ts';

export interface WrittenTable {
  readonly file: string;
  /** Bytes. */
  readonly length: number;
}

/** CHAP secrets are in it, so the file is its owner's alone. Raises what `wayToDisk` raises, IBFT_VALUE_INVALID and the errors of files. */
export async function writeBootTable(path: string, result: BootResult): Promise<WrittenTable> {
  const table = encodeIbft(ibftOf(await wayToDisk(result, pciPlaceOf)));
  const file = nodeFileSystem.open(path, 'create-private');
  try {
    await file.write(table, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  return { file: path, length: table.length };
}
