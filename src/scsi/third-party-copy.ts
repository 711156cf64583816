/** EXTENDED COPY(LID1) and RECEIVE COPY RESULTS as data: CDBs, parameter lists, and what is answered (SPC-4 §6.4, §6.18 to §6.20). */

import { bits, flag, layout, u8, u16, u24, u32, u64 } from '../bytes/index.ts';
import { AdditionalSense } from './additional-sense.ts';
import type { Designator } from './designator.ts';

export const ExtendedCopyAction = { extendedCopyLid1: 0x00 } as const;
export const ReceiveCopyAction = { copyStatusLid1: 0x00, operatingParameters: 0x03 } as const;

/** LIST ID USAGE (SPC-4 table 158): whether an initiator can ask for the copy's status afterwards. */
export const ListIdUsage = { hold: 0, discard: 2, none: 3 } as const;

/** Descriptor types (SPC-4 table 160). */
export const CopyDescriptorType = {
  blockToBlock: 0x02,
  blockToBlockWithOffset: 0x0a,
  identification: 0xe4,
} as const;

const { blockToBlock, blockToBlockWithOffset, identification } = CopyDescriptorType;

/** CSCD ID of the logical unit that the command was sent to (SPC-4 §6.4.5.1). */
export const OWN_UNIT = 0xffff;

/** What the copy manager can do at most: told in OPERATING PARAMETERS and page 8Fh, and kept. */
export const CopyLimit = {
  targetDescriptors: 16,
  segmentDescriptors: 32,
  /** Bytes of both descriptor lists together, without the header. */
  descriptorListLength: 16 * 32 + 32 * 32,
  /** Bytes that one segment may copy. */
  segmentLength: 64 << 20,
  /** Copies that one nexus may have under way, or finished with their status kept. */
  copies: 16,
} as const;

export const ExtendedCopyCdb = layout('EXTENDED COPY', 16, {
  operationCode: u8(0),
  serviceAction: bits(1, 0, 5),
  parameterListLength: u32(10),
});

export const ReceiveCopyResultsCdb = layout('RECEIVE COPY RESULTS', 16, {
  operationCode: u8(0),
  serviceAction: bits(1, 0, 5),
  listIdentifier: u8(2),
  allocationLength: u32(10),
});

/** SPC-4 table 157 */
export const CopyParameterHeader = layout('EXTENDED COPY(LID1) parameter list', 16, {
  listIdentifier: u8(0),
  sequentialStriped: flag(1, 5),
  listIdUsage: bits(1, 3, 2),
  priority: bits(1, 0, 3),
  targetDescriptorListLength: u16(2),
  segmentDescriptorListLength: u32(8),
  inlineDataLength: u32(12),
});

/** SPC-4 table 166. LU ID TYPE and NUL of older standards are not looked at. */
export const IdentificationDescriptor = layout('identification CSCD descriptor', 32, {
  type: u8(0),
  peripheralDeviceType: bits(1, 0, 5),
  codeSet: bits(4, 0, 4),
  association: bits(5, 4, 2),
  designatorType: bits(5, 0, 4),
  designatorLength: u8(7),
  pad: flag(28, 2),
  blockLength: u24(29),
});

/** Bytes that a designator may have. */
const MAXIMUM_DESIGNATOR_LENGTH = 20;
const DESIGNATOR = 8;

const SegmentHeader = layout('segment descriptor', 8, {
  type: u8(0),
  destinationCount: flag(1, 1),
  concatenate: flag(1, 0),
  length: u16(2),
  sourceDescriptorId: u16(4),
  destinationDescriptorId: u16(6),
});

/** SPC-4 §6.4.6.4 */
export const BlockToBlockSegment = layout('block to block segment descriptor', 28, {
  type: u8(0),
  destinationCount: flag(1, 1),
  concatenate: flag(1, 0),
  length: u16(2),
  sourceDescriptorId: u16(4),
  destinationDescriptorId: u16(6),
  numberOfBlocks: u16(10),
  sourceBlockAddress: u64(12),
  destinationBlockAddress: u64(20),
});

/** SPC-4 §6.4.6.12 */
export const BlockToBlockWithOffsetSegment = layout('block to block with offset segment descriptor', 32, {
  type: u8(0),
  length: u16(2),
  sourceDescriptorId: u16(4),
  destinationDescriptorId: u16(6),
  numberOfBytes: u32(8),
  sourceBlockAddress: u64(12),
  destinationBlockAddress: u64(20),
  sourceByteOffset: u16(28),
  destinationByteOffset: u16(30),
});

/** A copy target as the initiator names it. */
export interface CopyTargetDescriptor {
  readonly designator: Designator;
  /** Bytes of a block as the initiator believes it to be; 0 for "not said". */
  readonly blockLength: number;
  /** PAD: what misses of a last block is filled with zeros, what is left over is dropped. */
  readonly pad: boolean;
}

interface SegmentEnds {
  /** Index of the target descriptor, or OWN_UNIT. */
  readonly sourceDescriptorId: number;
  readonly destinationDescriptorId: number;
  /** In blocks of the one and of the other unit. */
  readonly sourceBlockAddress: bigint;
  readonly destinationBlockAddress: bigint;
}

export type CopySegment = SegmentEnds &
  (
    | {
        readonly kind: 'blocks';
        readonly numberOfBlocks: number;
        /** DC: whether they are blocks of the destination. */
        readonly countsDestinationBlocks: boolean;
      }
    | {
        readonly kind: 'bytes';
        readonly numberOfBytes: number;
        readonly sourceByteOffset: number;
        readonly destinationByteOffset: number;
      }
  );

export interface CopyRequest {
  readonly listIdentifier: number;
  readonly listIdUsage: number;
  readonly targets: readonly CopyTargetDescriptor[];
  readonly segments: readonly CopySegment[];
}

/** Why a parameter list cannot be worked on: its length, or the additional sense code and the byte at which the field is. */
export type MalformedCopyRequest =
  | { readonly malformed: 'length' }
  | { readonly malformed: 'field'; readonly code: number; readonly byte: number };

const INVALID_FIELD_IN_PARAMETER_LIST = 0x2600;

function invalid(byte: number, code = INVALID_FIELD_IN_PARAMETER_LIST): MalformedCopyRequest {
  return { malformed: 'field', code, byte };
}

/** Reads a whole parameter list, which is not empty (SPC-4 §6.4.3). */
export function decodeCopyRequest(list: Uint8Array): CopyRequest | MalformedCopyRequest {
  if (list.length < CopyParameterHeader.size) return { malformed: 'length' };
  const header = CopyParameterHeader.view(list);
  const { listIdentifier, listIdUsage, targetDescriptorListLength, segmentDescriptorListLength } = header;
  const descriptorLength = targetDescriptorListLength + segmentDescriptorListLength;
  const segmentStart = CopyParameterHeader.size + targetDescriptorListLength;
  const end = segmentStart + segmentDescriptorListLength;
  if (descriptorLength > CopyLimit.descriptorListLength || end > list.length) return { malformed: 'length' };
  if (header.inlineDataLength > 0) return invalid(12, AdditionalSense.inlineDataLengthExceeded);
  if (listIdUsage === 1 || (listIdUsage === ListIdUsage.none && listIdentifier !== 0)) return invalid(0);
  const targets = decodeTargets(list.subarray(0, segmentStart));
  if ('malformed' in targets) return targets;
  const segments = decodeSegments(list.subarray(0, end), segmentStart);
  if ('malformed' in segments) return segments;
  return { listIdentifier, listIdUsage, targets, segments };
}

function decodeTargets(list: Uint8Array): readonly CopyTargetDescriptor[] | MalformedCopyRequest {
  const start = CopyParameterHeader.size;
  const length = list.length - start;
  if (length % IdentificationDescriptor.size !== 0) return invalid(2);
  if (length / IdentificationDescriptor.size > CopyLimit.targetDescriptors) {
    return invalid(2, AdditionalSense.tooManyTargetDescriptors);
  }
  const targets: CopyTargetDescriptor[] = [];
  for (let at = start; at < list.length; at += IdentificationDescriptor.size) {
    const view = IdentificationDescriptor.view(list, at);
    if (view.type !== identification) return invalid(at, AdditionalSense.unsupportedTargetDescriptorTypeCode);
    if (view.designatorLength > MAXIMUM_DESIGNATOR_LENGTH) return invalid(at + 7);
    const value = new Uint8Array(list.subarray(at + DESIGNATOR, at + DESIGNATOR + view.designatorLength));
    const { codeSet, association, designatorType: type, blockLength, pad } = view;
    targets.push({ designator: { codeSet, association, type, value }, blockLength, pad });
  }
  return targets;
}

function decodeSegments(list: Uint8Array, start: number): readonly CopySegment[] | MalformedCopyRequest {
  const segments: CopySegment[] = [];
  for (let at = start; at < list.length; ) {
    if (segments.length === CopyLimit.segmentDescriptors) return invalid(8, AdditionalSense.tooManySegmentDescriptors);
    if (list.length - at < SegmentHeader.size) return invalid(8);
    const header = SegmentHeader.view(list, at);
    const size = segmentSizes.get(header.type);
    if (size === undefined) return invalid(at, AdditionalSense.unsupportedSegmentDescriptorTypeCode);
    if (header.length !== size - 4) return invalid(at + 2);
    if (list.length - at < size) return invalid(8);
    segments.push(header.type === blockToBlock ? decodeBlocks(list, at) : decodeBytes(list, at));
    at += size;
  }
  return segments;
}

const segmentSizes: ReadonlyMap<number, number> = new Map([
  [blockToBlock, BlockToBlockSegment.size],
  [blockToBlockWithOffset, BlockToBlockWithOffsetSegment.size],
]);

function decodeBlocks(list: Uint8Array, at: number): CopySegment {
  const view = BlockToBlockSegment.view(list, at);
  return {
    kind: 'blocks',
    ...segmentEnds(view),
    numberOfBlocks: view.numberOfBlocks,
    countsDestinationBlocks: view.destinationCount,
  };
}

function decodeBytes(list: Uint8Array, at: number): CopySegment {
  const view = BlockToBlockWithOffsetSegment.view(list, at);
  const { numberOfBytes, sourceByteOffset, destinationByteOffset } = view;
  return { kind: 'bytes', ...segmentEnds(view), numberOfBytes, sourceByteOffset, destinationByteOffset };
}

function segmentEnds(view: SegmentEnds): SegmentEnds {
  const { sourceDescriptorId, destinationDescriptorId, sourceBlockAddress, destinationBlockAddress } = view;
  return { sourceDescriptorId, destinationDescriptorId, sourceBlockAddress, destinationBlockAddress };
}

/** COPY MANAGER STATUS (SPC-4 table 325). */
export const CopyManagerStatus = { inProgress: 0x00, completed: 0x01, failed: 0x02 } as const;

/** SPC-4 table 324; TRANSFER COUNT UNITS 0 are bytes, 1 are KiB, and so on by 1024. */
export const CopyStatusData = layout('COPY STATUS parameter data', 12, {
  availableData: u32(0),
  heldDataDiscarded: flag(4, 7),
  copyManagerStatus: bits(4, 0, 7),
  segmentsProcessed: u16(5),
  transferCountUnits: u8(7),
  transferCount: u32(8),
});

export interface CopyStatus {
  readonly copyManagerStatus: number;
  readonly segmentsProcessed: number;
  /** Bytes copied so far. */
  readonly transferred: number;
}

/** COPY STATUS. No data is ever held for the initiator: a copy between units leaves none. */
export function encodeCopyStatus(status: CopyStatus): Uint8Array<ArrayBuffer> {
  const inKibibytes = status.transferred > 0xffff_ffff;
  return CopyStatusData.encode({
    availableData: CopyStatusData.size - 4,
    heldDataDiscarded: status.copyManagerStatus !== CopyManagerStatus.inProgress,
    copyManagerStatus: status.copyManagerStatus,
    segmentsProcessed: status.segmentsProcessed,
    transferCountUnits: inKibibytes ? 1 : 0,
    transferCount: inKibibytes ? Math.floor(status.transferred / 1024) : status.transferred,
  });
}

const implementedDescriptors = Uint8Array.of(blockToBlock, blockToBlockWithOffset, identification);

/** DATA SEGMENT GRANULARITY: the power of two of bytes in which a copy can be counted. */
const BYTES = 0;

/** SPC-4 table 330 */
export const OperatingParameters = layout('OPERATING PARAMETERS parameter data', 44, {
  availableData: u32(0),
  supportsNoListIdentifier: flag(4, 0),
  maximumTargetDescriptorCount: u16(8),
  maximumSegmentDescriptorCount: u16(10),
  maximumDescriptorListLength: u32(12),
  maximumSegmentLength: u32(16),
  maximumInlineDataLength: u32(20),
  heldDataLimit: u32(24),
  totalConcurrentCopies: u16(34),
  maximumConcurrentCopies: u8(36),
  dataSegmentGranularity: u8(37),
  implementedDescriptorListLength: u8(43),
});

/** OPERATING PARAMETERS. `concurrentCopies`: how many may be under way in the whole target. */
export function encodeOperatingParameters(concurrentCopies: number): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(OperatingParameters.size + implementedDescriptors.length);
  OperatingParameters.write(result, 0, {
    availableData: result.length - 4,
    supportsNoListIdentifier: true,
    maximumTargetDescriptorCount: CopyLimit.targetDescriptors,
    maximumSegmentDescriptorCount: CopyLimit.segmentDescriptors,
    maximumDescriptorListLength: CopyLimit.descriptorListLength,
    maximumSegmentLength: CopyLimit.segmentLength,
    totalConcurrentCopies: concurrentCopies,
    maximumConcurrentCopies: Math.min(concurrentCopies, CopyLimit.copies),
    dataSegmentGranularity: BYTES,
    implementedDescriptorListLength: implementedDescriptors.length,
  });
  result.set(implementedDescriptors, OperatingParameters.size);
  return result;
}
