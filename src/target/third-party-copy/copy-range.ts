/** The copying itself: a run of bytes from one unit to another, or to another place of the same, in bounded pieces. */

import { totalLength } from '../../bytes/index.ts';
import type { ReadableDevice } from '../medium-changes.ts';
import type { CopyUnit } from './copy-unit.ts';

/** Where a copy reads. */
export interface CopySource {
  readonly device: ReadableDevice;
  /** False when what is read from it is not what should be copied any more. */
  isValid(): boolean;
}

export interface CopyRange {
  readonly source: CopySource;
  readonly destination: CopyUnit;
  readonly sourceOffset: number;
  readonly destinationOffset: number;
  readonly length: number;
  /** Zeros to write behind what was copied. */
  readonly padding: number;
}

/** How a copy goes. */
export interface CopyProgress {
  /** Becomes true when the copy shall end. */
  readonly aborted: boolean;
  /** Bytes are at their destination. */
  copied(bytes: number): void;
}

/** Copied in one step: a bound on memory, and other tasks run between the steps. */
const PIECE = 1 << 20;

/**
 * Copies a range; an abort ends it between two pieces. A source that is not valid any more ends it too, as another medium of the
 * destination does: it gives false then. Raises what the devices raise.
 */
export async function copyRange(range: CopyRange, progress: CopyProgress): Promise<boolean> {
  const { source, destination, sourceOffset, destinationOffset, length, padding } = range;
  const backwards =
    source.device === destination.device &&
    destinationOffset > sourceOffset &&
    destinationOffset < sourceOffset + length;
  // Where the ranges overlap, the end that would be overwritten before it is read goes first.
  for (let done = 0; done < length && !progress.aborted; ) {
    const piece = Math.min(PIECE, length - done);
    const at = backwards ? length - done - piece : done;
    const data = await readBytes(source.device, sourceOffset + at, piece);
    if (!source.isValid()) return false;
    if (!(await writeBytes(destination, destinationOffset + at, data))) return false;
    done += piece;
    progress.copied(piece);
    await nextTurn();
  }
  if (padding === 0 || progress.aborted) return true;
  return writeBytes(destination, destinationOffset + length, [new Uint8Array(padding)]);
}

/** Makes a range of whole blocks zeros. An abort ends it between two pieces; so does another medium: it gives false then. */
export async function zeroRange(
  destination: CopyUnit,
  { offset, length }: { readonly offset: number; readonly length: number },
  progress: CopyProgress,
): Promise<boolean> {
  for (let done = 0; done < length && !progress.aborted; ) {
    const piece = { offset: offset + done, length: Math.min(ZERO_PIECE, length - done) };
    const isSameMedium = await destination.exclusively(piece, async () => {
      if (!destination.isSameMedium()) return false;
      await destination.changes.writeZeroes(piece.offset, piece.length);
      return true;
    });
    if (!isSameMedium) return false;
    done += piece.length;
    progress.copied(piece.length);
    await nextTurn();
  }
  return true;
}

/** Zeros need no memory: most devices make them by a hole. */
const ZERO_PIECE = 8 << 20;

/** Lets everything else that is ready run first. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Any bytes: whole blocks are read around them. */
async function readBytes(device: ReadableDevice, offset: number, length: number): Promise<readonly Uint8Array[]> {
  const before = offset % device.blockSize;
  const whole = roundUp(before + length, device.blockSize);
  if (before === 0 && whole === length) return device.read(offset, length);
  const blocks = Buffer.concat(await device.read(offset - before, whole));
  return [blocks.subarray(before, before + length)];
}

/** Any bytes: what the first and last block hold beside them stays. False when the medium is another one. */
function writeBytes(destination: CopyUnit, offset: number, data: readonly Uint8Array[]): Promise<boolean> {
  const { device, changes } = destination;
  const length = totalLength(data);
  const before = offset % device.blockSize;
  const range = { offset: offset - before, length: roundUp(before + length, device.blockSize) };
  return destination.exclusively(range, async () => {
    if (!destination.isSameMedium()) return false;
    if (before === 0 && range.length === length) await changes.write(offset, data);
    else await replaceBytes(device, changes, range, before, data);
    return true;
  });
}

async function replaceBytes(
  device: ReadableDevice,
  changes: CopyUnit['changes'],
  range: { readonly offset: number; readonly length: number },
  before: number,
  data: readonly Uint8Array[],
): Promise<void> {
  const blocks = Buffer.concat(await device.read(range.offset, range.length));
  let at = before;
  for (const part of data) {
    blocks.set(part, at);
    at += part.length;
  }
  await changes.write(range.offset, [blocks]);
}

function roundUp(bytes: number, blockSize: number): number {
  return Math.ceil(bytes / blockSize) * blockSize;
}
