/** POPULATE TOKEN and WRITE USING TOKEN (SBC-3): what their parameter lists mean for a unit, checked; and what they do. */

import { AdditionalSense } from '../../scsi/additional-sense.ts';
import { SenseKey } from '../../scsi/sense.ts';
import type { RodTokenCreator } from '../../scsi/third-party-copy/rod-token.ts';
import {
  type BlockRange,
  type PopulateTokenRequest,
  TokenLimit,
  WriteUsingTokenParameters,
  type WriteUsingTokenRequest,
} from '../../scsi/third-party-copy/token-request.ts';
import type { MediumRange } from '../exclusive-ranges.ts';
import type { MediumChanges, ReadableDevice } from '../medium-changes.ts';
import { checkCondition, GOOD, invalidFieldInParameterList, LBA_OUT_OF_RANGE, type Outcome } from '../outcome.ts';
import { copyRange, zeroRange } from './copy-range.ts';
import type { CopyRecord } from './copy-record.ts';
import { type CopyUnit, THIRD_PARTY_DEVICE_FAILURE } from './copy-unit.ts';
import type { Rod, RodTokens } from './rod-tokens.ts';

/** A unit whose data tokens are made for. */
export interface TokenUnit extends CopyUnit {
  readonly source: MediumChanges;
  readonly creator: RodTokenCreator;
}

const DATA_UNDERRUN = checkCondition(SenseKey.illegalRequest, AdditionalSense.copyTargetDeviceDataUnderrun);

/** Ranges of blocks as bytes of the medium, the empty ones left out; `rangeListByte` is where their list says its length. */
export function resolveRanges(
  ranges: readonly BlockRange[],
  { blockSize, size }: ReadableDevice,
  rangeListByte: number,
): readonly MediumRange[] | Outcome {
  const blocks = BigInt(size / blockSize);
  if (ranges.some(({ logicalBlockAddress: lba, numberOfBlocks }) => lba + BigInt(numberOfBlocks) > blocks)) {
    return LBA_OUT_OF_RANGE;
  }
  const total = ranges.reduce((sum, { numberOfBlocks }) => sum + numberOfBlocks, 0);
  if (total * blockSize > TokenLimit.transferLength) return invalidFieldInParameterList(rangeListByte);
  return ranges
    .filter(({ numberOfBlocks }) => numberOfBlocks > 0)
    .map(({ logicalBlockAddress, numberOfBlocks }) => ({
      offset: Number(logicalBlockAddress) * blockSize,
      length: numberOfBlocks * blockSize,
    }));
}

/** Makes a token for what the ranges hold once all writes that came before are over. */
export function makeRod(
  unit: TokenUnit,
  { rodType, inactivityTimeout }: PopulateTokenRequest,
  ranges: readonly MediumRange[],
  tokens: RodTokens,
): Promise<Rod> {
  const start = Math.min(...ranges.map(({ offset }) => offset));
  const end = Math.max(...ranges.map(({ offset, length }) => offset + length));
  const around = ranges.length === 0 ? { offset: 0, length: 0 } : { offset: start, length: end - start };
  const { source, creator } = unit;
  return unit.exclusively(around, () => tokens.create({ source, creator, rodType, inactivityTimeout, ranges }));
}

/** How WRITE USING TOKEN fails because of how much of a token's data it asks for; undefined when that is there. */
export function refusalOfOffset(
  { offsetIntoRod }: WriteUsingTokenRequest,
  rod: Rod,
  wanted: number,
  blockSize: number,
): Outcome | undefined {
  const offset = offsetIntoRod * BigInt(blockSize);
  if (offset >= BigInt(rod.length))
    return invalidFieldInParameterList(WriteUsingTokenParameters.fields.offsetIntoRod.offset);
  // SBC-3 lets a target write what there is. Windows wants to be told instead that it has asked for too much.
  return offset + BigInt(wanted) > BigInt(rod.length) ? DATA_UNDERRUN : undefined;
}

/** Writes zeros to all ranges, or what a token stands for, from `offset` (bytes) on. Raises what the devices raise. */
export async function writeRod(
  unit: CopyUnit,
  ranges: readonly MediumRange[],
  rod: Rod | 'zeros',
  offset: number,
  record: CopyRecord,
): Promise<Outcome> {
  let at = offset;
  for (const range of ranges) {
    const outcome =
      rod === 'zeros' ? await writeZeros(unit, range, record) : await writeData(unit, range, rod, at, record);
    if (outcome !== GOOD || record.aborted) return outcome;
    at += range.length;
  }
  return GOOD;
}

async function writeZeros(unit: CopyUnit, range: MediumRange, record: CopyRecord): Promise<Outcome> {
  return (await zeroRange(unit, range, record)) ? GOOD : THIRD_PARTY_DEVICE_FAILURE;
}

/** Writes one range with the runs that lie at its place in the token's data. */
async function writeData(
  destination: CopyUnit,
  { offset: destinationStart, length }: MediumRange,
  rod: Rod,
  start: number,
  record: CopyRecord,
): Promise<Outcome> {
  // A change of the source may have come while it was read: the token is revoked before the first changed byte is there.
  const source = { device: rod.source.device, isValid: () => rod.invalid === undefined };
  for (let done = 0; done < length && !record.aborted; ) {
    const run = runAt(rod.ranges, start + done, length - done);
    if (run === undefined) return DATA_UNDERRUN;
    const range = {
      source,
      destination,
      sourceOffset: run.offset,
      destinationOffset: destinationStart + done,
      length: run.length,
      padding: 0,
    };
    if (!(await copyRange(range, record))) return rod.invalid ?? THIRD_PARTY_DEVICE_FAILURE;
    done += run.length;
  }
  return GOOD;
}

/** The part of `ranges`, one after the other, that begins `at` bytes from their start and is in one piece; `length` at most. */
function runAt(ranges: readonly MediumRange[], at: number, length: number): MediumRange | undefined {
  let left = at;
  for (const range of ranges) {
    if (left < range.length) return { offset: range.offset + left, length: Math.min(length, range.length - left) };
    left -= range.length;
  }
  return undefined;
}
