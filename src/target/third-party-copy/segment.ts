/** One segment of a copy: where it reads and writes, checked; and the copying itself, in bounded pieces. */

import type { Device } from '../../block/device.ts';
import { AdditionalSense } from '../../scsi/additional-sense.ts';
import { SenseKey } from '../../scsi/sense.ts';
import { CopyLimit, type CopySegment, OWN_UNIT } from '../../scsi/third-party-copy.ts';
import { checkCondition, type Outcome } from '../outcome.ts';

/** Becomes true when the copy shall end: an `AbortSignal`, or the task that asked for it. */
export type Cancellation = { readonly aborted: boolean };

/** A unit that a copy reads or writes. */
export interface CopyUnit {
  readonly device: Device;
  readonly writeProtected: boolean;
  /** Whether reservations let the nexus whose command this is read, or write, the unit. */
  admits(access: 'read' | 'write'): boolean;
}

/** A unit as the parameter list names it. */
export interface CopyTarget {
  readonly unit: CopyUnit;
  /** PAD: fill up the destination's last block with zeros, drop what is left over of the source's. */
  readonly pad: boolean;
}

/** A run of bytes to copy. */
export interface CopyRange {
  readonly source: Device;
  readonly destination: Device;
  readonly sourceOffset: number;
  readonly destinationOffset: number;
  readonly length: number;
  /** Zeros to write behind what was copied. */
  readonly padding: number;
}

/** Copied in one step: a bound on memory, and other tasks run between the steps. */
const PIECE = 1 << 20;

const aborted = (code: number): Outcome => checkCondition(SenseKey.copyAborted, code);
const OUT_OF_RANGE = aborted(AdditionalSense.noAdditionalSenseInformation);
const SEGMENT_TOO_LONG = checkCondition(SenseKey.illegalRequest, AdditionalSense.invalidFieldInParameterList);

/** The targets of `segment` and the bytes it means; or why it cannot be done. */
export function resolveSegment(
  segment: CopySegment,
  targets: readonly CopyTarget[],
  own: CopyUnit,
): CopyRange | Outcome {
  const find = (index: number): CopyTarget | undefined =>
    index === OWN_UNIT ? { unit: own, pad: false } : targets[index];
  const [source, destination] = [find(segment.sourceDescriptorId), find(segment.destinationDescriptorId)];
  if (source === undefined || destination === undefined) return aborted(AdditionalSense.unreachableCopyTarget);
  // The copy manager is to the units what an initiator is: they refuse it as they would refuse the nexus itself.
  const refused = !source.unit.admits('read') || !destination.unit.admits('write') || destination.unit.writeProtected;
  if (refused) return aborted(AdditionalSense.thirdPartyDeviceFailure);
  const range =
    segment.kind === 'blocks' ? blockRange(segment, source, destination) : byteRange(segment, source, destination);
  if ('status' in range) return range;
  if (range.length + range.padding > CopyLimit.segmentLength) return SEGMENT_TOO_LONG;
  const sourceEnd = range.sourceOffset + range.length;
  const destinationEnd = range.destinationOffset + range.length + range.padding;
  if (sourceEnd > range.source.size || destinationEnd > range.destination.size) return OUT_OF_RANGE;
  return range;
}

type BlockSegment = Extract<CopySegment, { kind: 'blocks' }>;
type ByteSegment = Extract<CopySegment, { kind: 'bytes' }>;

/** The start of a block as bytes; an address that no device has becomes one behind the end of any. */
function byteOffset(address: bigint, device: Device): number {
  const offset = address * BigInt(device.blockSize);
  return offset > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(offset);
}

/** SPC-4 §6.4.6.4 with the PAD rules of §6.4.6.2. */
function blockRange(segment: BlockSegment, source: CopyTarget, destination: CopyTarget): CopyRange | Outcome {
  const [from, to] = [source.unit.device, destination.unit.device];
  const counted = segment.numberOfBlocks * (segment.countsDestinationBlocks ? to : from).blockSize;
  const ends = {
    source: from,
    destination: to,
    sourceOffset: byteOffset(segment.sourceBlockAddress, from),
    destinationOffset: byteOffset(segment.destinationBlockAddress, to),
  };
  const missing = (to.blockSize - (counted % to.blockSize)) % to.blockSize;
  const over = counted % from.blockSize;
  if (over > 0 && !source.pad) return aborted(AdditionalSense.unexpectedInexactSegment);
  if (missing > 0 && !destination.pad) return aborted(AdditionalSense.unexpectedInexactSegment);
  return { ...ends, length: counted, padding: missing };
}

/** SPC-4 §6.4.6.12: exact to the byte, so that nothing is left over. */
function byteRange(segment: ByteSegment, source: CopyTarget, destination: CopyTarget): CopyRange {
  const [from, to] = [source.unit.device, destination.unit.device];
  return {
    source: from,
    destination: to,
    sourceOffset: byteOffset(segment.sourceBlockAddress, from) + segment.sourceByteOffset,
    destinationOffset: byteOffset(segment.destinationBlockAddress, to) + segment.destinationByteOffset,
    length: segment.numberOfBytes,
    padding: 0,
  };
}

/**
 * Copies a range. `progress` hears the bytes of each piece; a cancellation ends it between two pieces. Raises what the devices
 * raise.
 */
export async function copyRange(
  range: CopyRange,
  cancellation: Cancellation,
  progress: (bytes: number) => void,
): Promise<void> {
  const { source, destination, sourceOffset, destinationOffset, length, padding } = range;
  const backwards =
    source === destination && destinationOffset > sourceOffset && destinationOffset < sourceOffset + length;
  // Where the ranges overlap, the end that would be overwritten before it is read goes first.
  for (let done = 0; done < length && !cancellation.aborted; ) {
    const piece = Math.min(PIECE, length - done);
    const at = backwards ? length - done - piece : done;
    const data = await readBytes(source, sourceOffset + at, piece);
    await writeBytes(destination, destinationOffset + at, data);
    done += piece;
    progress(piece);
    await nextTurn();
  }
  if (padding > 0 && !cancellation.aborted) {
    await writeBytes(destination, destinationOffset + length, [new Uint8Array(padding)]);
  }
}

/** Lets everything else that is ready run first. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Any bytes: whole blocks are read around them. */
async function readBytes(device: Device, offset: number, length: number): Promise<readonly Uint8Array[]> {
  const before = offset % device.blockSize;
  const whole = roundUp(before + length, device.blockSize);
  if (before === 0 && whole === length) return device.read(offset, length);
  const blocks = Buffer.concat(await device.read(offset - before, whole));
  return [blocks.subarray(before, before + length)];
}

/** Any bytes: what the first and last block hold beside them stays. */
async function writeBytes(device: Device, offset: number, data: readonly Uint8Array[]): Promise<void> {
  const { blockSize } = device;
  const length = data.reduce((sum, part) => sum + part.length, 0);
  const before = offset % blockSize;
  const whole = roundUp(before + length, blockSize);
  if (before === 0 && whole === length) {
    await device.write(offset, data);
    return;
  }
  const blocks = Buffer.concat(await device.read(offset - before, whole));
  let at = before;
  for (const part of data) {
    blocks.set(part, at);
    at += part.length;
  }
  await device.write(offset - before, [blocks]);
}

function roundUp(bytes: number, blockSize: number): number {
  return Math.ceil(bytes / blockSize) * blockSize;
}
