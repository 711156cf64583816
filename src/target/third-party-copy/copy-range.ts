/** The copying itself: a run of bytes from one unit to another, or to another place of the same, in bounded pieces. */

import type { Awaitable } from '../../block/device.ts';
import { totalLength } from '../../bytes/index.ts';
import type { ReadableDevice } from '../medium-changes.ts';
import type { CopyUnit } from './copy-unit.ts';

export interface CopyRange {
  readonly source: ReadableDevice;
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

const always = (): boolean => true;

/**
 * Copies a range; an abort ends it between two pieces. `stillHolds` is asked after each read: false means that what was read is not
 * what should be copied, and ends it. Gives false then. Raises what the devices raise.
 */
export async function copyRange(
  range: CopyRange,
  progress: CopyProgress,
  stillHolds: () => boolean = always,
): Promise<boolean> {
  const { source, destination, sourceOffset, destinationOffset, length, padding } = range;
  const backwards =
    source === destination.device && destinationOffset > sourceOffset && destinationOffset < sourceOffset + length;
  // Where the ranges overlap, the end that would be overwritten before it is read goes first.
  for (let done = 0; done < length && !progress.aborted; ) {
    const piece = Math.min(PIECE, length - done);
    const at = backwards ? length - done - piece : done;
    const data = await readBytes(source, sourceOffset + at, piece);
    if (!stillHolds()) return false;
    await writeBytes(destination, destinationOffset + at, data);
    done += piece;
    progress.copied(piece);
    await nextTurn();
  }
  if (padding > 0 && !progress.aborted) {
    await writeBytes(destination, destinationOffset + length, [new Uint8Array(padding)]);
  }
  return true;
}

/** Makes a range of whole blocks zeros. An abort ends it between two pieces. */
export async function zeroRange(
  destination: CopyUnit,
  { offset, length }: { readonly offset: number; readonly length: number },
  progress: CopyProgress,
): Promise<void> {
  for (let done = 0; done < length && !progress.aborted; ) {
    const piece = { offset: offset + done, length: Math.min(ZERO_PIECE, length - done) };
    await destination.exclusively(piece, () => destination.changes.writeZeroes(piece.offset, piece.length));
    done += piece.length;
    progress.copied(piece.length);
    await nextTurn();
  }
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

/** Any bytes: what the first and last block hold beside them stays. */
function writeBytes(destination: CopyUnit, offset: number, data: readonly Uint8Array[]): Promise<void> {
  const { device, changes } = destination;
  const length = totalLength(data);
  const before = offset % device.blockSize;
  const range = { offset: offset - before, length: roundUp(before + length, device.blockSize) };
  return destination.exclusively(range, (): Awaitable<void> => {
    if (before === 0 && range.length === length) return changes.write(offset, data);
    return replaceBytes(device, changes, range, before, data);
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
