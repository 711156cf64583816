/** EXTENDED COPY(LID1) as data: its CDB and its parameter list (SPC-4). */

import { bits, flag, layout, u8, u16, u24, u32, u64 } from '../../bytes/index.ts';
import { AdditionalSense } from '../additional-sense.ts';
import type { Designator } from '../designator.ts';
import { CopyLimit } from './copy-limit.ts';
import { invalidInList, type MalformedCopyRequest } from './malformed-copy-request.ts';

/** LIST ID USAGE: whether an initiator can ask for the copy's status afterwards. */
export const ListIdUsage = { hold: 0, discard: 2, none: 3 } as const;

/** DESCRIPTOR TYPE CODE of CSCD and segment descriptors. */
export const CopyDescriptorType = {
  blockToBlock: 0x02,
  blockToBlockWithOffset: 0x0a,
  identification: 0xe4,
} as const;

const { blockToBlock, blockToBlockWithOffset, identification } = CopyDescriptorType;

/** CSCD ID of the logical unit that the command was sent to. */
export const OWN_UNIT = 0xffff;

export const ExtendedCopyCdb = layout('EXTENDED COPY', 16, {
  operationCode: u8(0),
  serviceAction: bits(1, 0, 5),
  parameterListLength: u32(10),
});

export const CopyParameterHeader = layout('EXTENDED COPY(LID1) parameter list', 16, {
  listIdentifier: u8(0),
  sequentialStriped: flag(1, 5),
  listIdUsage: bits(1, 3, 2),
  priority: bits(1, 0, 3),
  targetDescriptorListLength: u16(2),
  segmentDescriptorListLength: u32(8),
  inlineDataLength: u32(12),
});

/** LU ID TYPE and NUL of older standards are not looked at. */
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

/** An identification CSCD descriptor of a disk; the designator's value has at most MAXIMUM_DESIGNATOR_LENGTH bytes. */
export function encodeIdentificationDescriptor(designator: Designator, blockLength: number): Uint8Array<ArrayBuffer> {
  const { codeSet, association, type: designatorType, value } = designator;
  const designatorLength = value.length;
  const fields = { type: identification, codeSet, association, designatorType, designatorLength, blockLength };
  const descriptor = IdentificationDescriptor.encode(fields);
  descriptor.set(value, DESIGNATOR);
  return descriptor;
}

const SegmentHeader = layout('segment descriptor', 8, {
  type: u8(0),
  destinationCount: flag(1, 1),
  concatenate: flag(1, 0),
  length: u16(2),
  sourceDescriptorId: u16(4),
  destinationDescriptorId: u16(6),
});

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

/** Reads a whole parameter list, which is not empty. */
export function decodeCopyRequest(list: Uint8Array): CopyRequest | MalformedCopyRequest {
  if (list.length < CopyParameterHeader.size) return { malformed: 'length' };
  const header = CopyParameterHeader.view(list);
  const { listIdentifier, listIdUsage, targetDescriptorListLength, segmentDescriptorListLength } = header;
  const descriptorLength = targetDescriptorListLength + segmentDescriptorListLength;
  const segmentStart = CopyParameterHeader.size + targetDescriptorListLength;
  const end = segmentStart + segmentDescriptorListLength;
  if (descriptorLength > CopyLimit.descriptorListLength || end > list.length) return { malformed: 'length' };
  if (header.inlineDataLength > 0) return invalidInList(12, AdditionalSense.inlineDataLengthExceeded);
  if (listIdUsage === 1 || (listIdUsage === ListIdUsage.none && listIdentifier !== 0)) return invalidInList(0);
  const targets = decodeTargets(list.subarray(0, segmentStart));
  if ('malformed' in targets) return targets;
  const segments = decodeSegments(list.subarray(0, end), segmentStart);
  if ('malformed' in segments) return segments;
  return { listIdentifier, listIdUsage, targets, segments };
}

function decodeTargets(list: Uint8Array): readonly CopyTargetDescriptor[] | MalformedCopyRequest {
  const start = CopyParameterHeader.size;
  const length = list.length - start;
  if (length % IdentificationDescriptor.size !== 0) return invalidInList(2);
  if (length / IdentificationDescriptor.size > CopyLimit.targetDescriptors) {
    return invalidInList(2, AdditionalSense.tooManyTargetDescriptors);
  }
  const targets: CopyTargetDescriptor[] = [];
  for (let at = start; at < list.length; at += IdentificationDescriptor.size) {
    const view = IdentificationDescriptor.view(list, at);
    if (view.type !== identification) return invalidInList(at, AdditionalSense.unsupportedTargetDescriptorTypeCode);
    if (view.designatorLength > MAXIMUM_DESIGNATOR_LENGTH) return invalidInList(at + 7);
    const value = new Uint8Array(list.subarray(at + DESIGNATOR, at + DESIGNATOR + view.designatorLength));
    const { codeSet, association, designatorType: type, blockLength, pad } = view;
    targets.push({ designator: { codeSet, association, type, value }, blockLength, pad });
  }
  return targets;
}

function decodeSegments(list: Uint8Array, start: number): readonly CopySegment[] | MalformedCopyRequest {
  const segments: CopySegment[] = [];
  for (let at = start; at < list.length; ) {
    if (segments.length === CopyLimit.segmentDescriptors)
      return invalidInList(8, AdditionalSense.tooManySegmentDescriptors);
    if (list.length - at < SegmentHeader.size) return invalidInList(8);
    const header = SegmentHeader.view(list, at);
    const size = segmentSizes.get(header.type);
    if (size === undefined) return invalidInList(at, AdditionalSense.unsupportedSegmentDescriptorTypeCode);
    if (header.length !== size - 4) return invalidInList(at + 2);
    if (list.length - at < size) return invalidInList(8);
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
