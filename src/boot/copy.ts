/** Copies a part of a disk somewhere, as fast as the disk gives it. */

import { createHash } from 'node:crypto';
import type { Device } from '../block/device.ts';

export interface CopyResult {
  /** Bytes; what there is to the end of the disk when more was asked for. */
  readonly length: number;
  /** Of what was copied, in hexadecimal. */
  readonly sha256: string;
}

const PIECE_LENGTH = 1 << 20;
/** Reads that are under way while earlier ones are written: keeps the link busy and memory bounded. */
const READS_AHEAD = 4;

/**
 * Writes a range of the disk in order; `write` is told how far it has come. The range may begin and end anywhere. Raises what the
 * device and `write` raise.
 */
export async function copyRange(
  device: Device,
  range: { readonly offset: number; readonly length: number },
  write: (data: Uint8Array, done: number) => Promise<void>,
): Promise<CopyResult> {
  const end = Math.min(range.offset + range.length, device.size);
  const hash = createHash('sha256');
  const ahead: Promise<readonly Uint8Array[]>[] = [];
  // The disk gives whole blocks.
  let asked = range.offset - (range.offset % device.blockSize);
  let skip = range.offset - asked;
  const ask = () => {
    const wanted = Math.ceil(Math.min(PIECE_LENGTH, end - asked) / device.blockSize) * device.blockSize;
    const piece = Promise.resolve(device.read(asked, wanted));
    // A failure is raised when the piece's turn comes; until then it must not count as unhandled.
    piece.catch(() => {});
    ahead.push(piece);
    asked += wanted;
  };
  let done = 0;
  for (let left = end - range.offset; left > 0; ) {
    while (ahead.length < READS_AHEAD && asked < end) ask();
    for (const part of (await ahead.shift()) ?? []) {
      const data = part.subarray(skip, skip + left);
      skip = Math.max(0, skip - part.length);
      if (data.length === 0) continue;
      hash.update(data);
      await write(data, done);
      done += data.length;
      left -= data.length;
    }
  }
  return { length: done, sha256: hash.digest('hex') };
}
