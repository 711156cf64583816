/** POPULATE TOKEN and WRITE USING TOKEN as data: CDBs and parameter lists (SBC-3). */

import { bits, bytes, flag, layout, u8, u16, u32, u64 } from '../../bytes/index.ts';
import { AdditionalSense } from '../additional-sense.ts';
import { invalidInList, type MalformedCopyRequest } from './malformed-copy-request.ts';
import { ROD_TOKEN_LENGTH, RodType } from './rod-token.ts';

/** What token copies can do at most: told in the Third-party Copy VPD page, and kept. Times are seconds. */
export const TokenLimit = {
  ranges: 256,
  maximumInactivityTimeout: 600,
  defaultInactivityTimeout: 60,
  /** Bytes that one token may stand for, and that one command may write. */
  transferLength: 1 << 30,
  /** Bytes that are copied well within the time limits that initiators have for a command. */
  optimalTransferLength: 64 << 20,
} as const;

/** POPULATE TOKEN and WRITE USING TOKEN. */
export const TokenCdb = layout('POPULATE TOKEN', 16, {
  operationCode: u8(0),
  serviceAction: bits(1, 0, 5),
  listIdentifier: u32(6),
  parameterListLength: u32(10),
  groupNumber: bits(14, 0, 5),
});

export const PopulateTokenParameters = layout('POPULATE TOKEN parameter list', 16, {
  dataLength: u16(0),
  rodTypeValid: flag(2, 1),
  immediate: flag(2, 0),
  inactivityTimeout: u32(4),
  rodType: u32(8),
  rangeListLength: u16(14),
});

export const WriteUsingTokenParameters = layout('WRITE USING TOKEN parameter list', 536, {
  dataLength: u16(0),
  deleteToken: flag(2, 1),
  immediate: flag(2, 0),
  offsetIntoRod: u64(8),
  rodToken: bytes(16, ROD_TOKEN_LENGTH),
  rangeListLength: u16(534),
});

const RangeDescriptor = layout('block device range descriptor', 16, {
  logicalBlockAddress: u64(0),
  numberOfBlocks: u32(8),
});

/** A run of blocks; it may be empty. */
export interface BlockRange {
  readonly logicalBlockAddress: bigint;
  readonly numberOfBlocks: number;
}

export interface PopulateTokenRequest {
  readonly immediate: boolean;
  /** A value of RodType that a token can be of. */
  readonly rodType: number;
  /** Seconds. */
  readonly inactivityTimeout: number;
  readonly ranges: readonly BlockRange[];
}

export interface WriteUsingTokenRequest {
  readonly immediate: boolean;
  /** The token is worth nothing any more afterwards. */
  readonly deleteToken: boolean;
  /** In blocks of the unit that is written. */
  readonly offsetIntoRod: bigint;
  /** ROD_TOKEN_LENGTH bytes. */
  readonly token: Uint8Array;
  readonly ranges: readonly BlockRange[];
}

/** ROD TYPE as asked for, to the type that is made of it. */
const typesToMake: ReadonlyMap<number, number> = new Map([
  [RodType.pointInTimeDefault, RodType.pointInTimeDefault],
  [RodType.pointInTimeChangeVulnerable, RodType.pointInTimeChangeVulnerable],
  [RodType.pointInTimeAny, RodType.pointInTimeDefault],
]);

/** Reads a parameter list, which is not empty. */
export function decodePopulateToken(list: Uint8Array): PopulateTokenRequest | MalformedCopyRequest {
  const ranges = decodeRanges(list, PopulateTokenParameters);
  if ('malformed' in ranges) return ranges;
  const { fields } = PopulateTokenParameters;
  const { immediate, rodTypeValid, rodType: wanted, inactivityTimeout } = PopulateTokenParameters.view(list);
  const rodType = rodTypeValid ? typesToMake.get(wanted) : RodType.pointInTimeDefault;
  if (rodType === undefined) return invalidInList(fields.rodType.offset);
  if (inactivityTimeout > TokenLimit.maximumInactivityTimeout) return invalidInList(fields.inactivityTimeout.offset);
  return {
    immediate,
    rodType,
    inactivityTimeout: inactivityTimeout === 0 ? TokenLimit.defaultInactivityTimeout : inactivityTimeout,
    ranges,
  };
}

/** Reads a parameter list, which is not empty. */
export function decodeWriteUsingToken(list: Uint8Array): WriteUsingTokenRequest | MalformedCopyRequest {
  const ranges = decodeRanges(list, WriteUsingTokenParameters);
  if ('malformed' in ranges) return ranges;
  const { immediate, deleteToken, offsetIntoRod, rodToken } = WriteUsingTokenParameters.view(list);
  return { immediate, deleteToken, offsetIntoRod, token: rodToken, ranges };
}

/** The whole range descriptors of a list; what is left over of another one is not looked at. */
function decodeRanges(
  list: Uint8Array,
  header: typeof PopulateTokenParameters | typeof WriteUsingTokenParameters,
): readonly BlockRange[] | MalformedCopyRequest {
  if (list.length < header.size) return { malformed: 'length' };
  const { dataLength, rangeListLength } = header.view(list);
  const at = header.fields.rangeListLength.offset;
  // The length counts from behind its own two bytes.
  if (dataLength + 2 < header.size + RangeDescriptor.size) return invalidInList(0);
  if (rangeListLength < RangeDescriptor.size) return invalidInList(at);
  if (dataLength + 2 > list.length || header.size + rangeListLength > list.length) return { malformed: 'length' };
  if (header.size + rangeListLength > dataLength + 2) return invalidInList(at);
  const count = Math.floor(rangeListLength / RangeDescriptor.size);
  if (count > TokenLimit.ranges) return invalidInList(at, AdditionalSense.tooManySegmentDescriptors);
  const ranges = Array.from({ length: count }, (_, index) => {
    const view = RangeDescriptor.view(list, header.size + index * RangeDescriptor.size);
    return { logicalBlockAddress: view.logicalBlockAddress, numberOfBlocks: view.numberOfBlocks };
  });
  const overlapping = findOverlap(ranges);
  return overlapping < 0 ? ranges : invalidInList(header.size + overlapping * RangeDescriptor.size);
}

/** The index of a range that has a block of another one before it in the list's order; -1 when all are apart. */
function findOverlap(ranges: readonly BlockRange[]): number {
  const filled = ranges.map((range, index) => ({ ...range, index })).filter(({ numberOfBlocks }) => numberOfBlocks > 0);
  const sorted = filled.toSorted((left, right) => (left.logicalBlockAddress < right.logicalBlockAddress ? -1 : 1));
  for (const [place, range] of sorted.entries()) {
    const next = sorted[place + 1];
    if (next === undefined) return -1;
    if (range.logicalBlockAddress + BigInt(range.numberOfBlocks) > next.logicalBlockAddress) {
      return Math.max(range.index, next.index);
    }
  }
  return -1;
}
