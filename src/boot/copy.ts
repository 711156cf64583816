/** Copies the start of a disk somewhere, as fast as the disk gives it. */

import { createHash } from 'node:crypto';
import type { Device } from '../block/device.ts';

export interface CopyResult {
  /** Bytes; the size of the disk when more was asked for. */
  readonly length: number;
  /** Of what was copied, in hexadecimal. */
  readonly sha256: string;
}

const PIECE_LENGTH = 1 << 20;
/** Reads that are under way while earlier ones are written: keeps the link busy and memory bounded. */
const READS_AHEAD = 4;

/** Writes the first `length` bytes of the disk in order. Raises what the device and `write` raise. */
export async function copyStart(
  device: Device,
  length: number,
  write: (data: Uint8Array, offset: number) => Promise<void>,
): Promise<CopyResult> {
  const end = Math.min(length, device.size);
  const hash = createHash('sha256');
  const ahead: Promise<readonly Uint8Array[]>[] = [];
  let asked = 0;
  const ask = () => {
    // The disk gives whole blocks.
    const wanted = Math.ceil(Math.min(PIECE_LENGTH, end - asked) / device.blockSize) * device.blockSize;
    const piece = Promise.resolve(device.read(asked, wanted));
    // A failure is raised when the piece's turn comes; until then it must not count as unhandled.
    piece.catch(() => {});
    ahead.push(piece);
    asked += wanted;
  };
  for (let offset = 0; offset < end; ) {
    while (ahead.length < READS_AHEAD && asked < end) ask();
    for (const part of (await ahead.shift()) ?? []) {
      const data = part.subarray(0, end - offset);
      hash.update(data);
      if (data.length > 0) await write(data, offset);
      offset += data.length;
    }
  }
  return { length: end, sha256: hash.digest('hex') };
}
