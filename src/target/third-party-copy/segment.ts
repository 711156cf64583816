/** One segment of EXTENDED COPY: where it reads and writes, checked. */

import { AdditionalSense } from '../../scsi/additional-sense.ts';
import { SenseKey } from '../../scsi/sense.ts';
import { CopyLimit } from '../../scsi/third-party-copy/copy-limit.ts';
import { type CopySegment, OWN_UNIT } from '../../scsi/third-party-copy/extended-copy.ts';
import type { ReadableDevice } from '../medium-changes.ts';
import { checkCondition, type Outcome } from '../outcome.ts';
import type { CopyRange, CopySource } from './copy-range.ts';
import { type CopyUnit, THIRD_PARTY_DEVICE_FAILURE } from './copy-unit.ts';

/** A unit as the parameter list names it. */
export interface CopyTarget {
  readonly unit: CopyUnit;
  /** PAD: fill up the destination's last block with zeros, drop what is left over of the source's. */
  readonly pad: boolean;
}

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
  if (refused) return THIRD_PARTY_DEVICE_FAILURE;
  const range =
    segment.kind === 'blocks' ? blockRange(segment, source, destination) : byteRange(segment, source, destination);
  if ('status' in range) return range;
  if (range.length + range.padding > CopyLimit.segmentLength) return SEGMENT_TOO_LONG;
  const sourceEnd = range.sourceOffset + range.length;
  const destinationEnd = range.destinationOffset + range.length + range.padding;
  if (sourceEnd > range.source.device.size || destinationEnd > range.destination.device.size) return OUT_OF_RANGE;
  return range;
}

type BlockSegment = Extract<CopySegment, { kind: 'blocks' }>;
type ByteSegment = Extract<CopySegment, { kind: 'bytes' }>;

function sourceOf({ unit }: CopyTarget): CopySource {
  return { device: unit.device, isValid: () => unit.isSameMedium() };
}

/** The start of a block as bytes; an address that no device has becomes one behind the end of any. */
function byteOffset(address: bigint, device: ReadableDevice): number {
  const offset = address * BigInt(device.blockSize);
  return offset > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(offset);
}

/** Block to block, with the rules of PAD. */
function blockRange(segment: BlockSegment, source: CopyTarget, destination: CopyTarget): CopyRange | Outcome {
  const [from, to] = [source.unit.device, destination.unit.device];
  const counted = segment.numberOfBlocks * (segment.countsDestinationBlocks ? to : from).blockSize;
  const ends = {
    source: sourceOf(source),
    destination: destination.unit,
    sourceOffset: byteOffset(segment.sourceBlockAddress, from),
    destinationOffset: byteOffset(segment.destinationBlockAddress, to),
  };
  const missing = (to.blockSize - (counted % to.blockSize)) % to.blockSize;
  const over = counted % from.blockSize;
  if (over > 0 && !source.pad) return aborted(AdditionalSense.unexpectedInexactSegment);
  if (missing > 0 && !destination.pad) return aborted(AdditionalSense.unexpectedInexactSegment);
  return { ...ends, length: counted, padding: missing };
}

/** Block to block with offset: exact to the byte, so that nothing is left over. */
function byteRange(segment: ByteSegment, source: CopyTarget, destination: CopyTarget): CopyRange {
  const [from, to] = [source.unit.device, destination.unit.device];
  return {
    source: sourceOf(source),
    destination: destination.unit,
    sourceOffset: byteOffset(segment.sourceBlockAddress, from) + segment.sourceByteOffset,
    destinationOffset: byteOffset(segment.destinationBlockAddress, to) + segment.destinationByteOffset,
    length: segment.numberOfBytes,
    padding: 0,
  };
}
