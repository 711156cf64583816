/** RECEIVE COPY STATUS(LID1) and RECEIVE COPY OPERATING PARAMETERS: what is told of copies with one-byte list identifiers (SPC-4). */

import { bits, flag, layout, u8, u16, u32 } from '../../bytes/index.ts';
import { CopyLimit } from './copy-limit.ts';
import { CopyDescriptorType } from './extended-copy.ts';

export const ReceiveCopyResultsCdb = layout('RECEIVE COPY RESULTS', 16, {
  operationCode: u8(0),
  serviceAction: bits(1, 0, 5),
  listIdentifier: u8(2),
  allocationLength: u32(10),
});

/** COPY MANAGER STATUS. */
export const CopyManagerStatus = { inProgress: 0x00, completed: 0x01, failed: 0x02 } as const;

/** TRANSFER COUNT UNITS 0 are bytes, 1 are KiB, and so on by 1024. */
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

const implementedDescriptors = Uint8Array.from(Object.values(CopyDescriptorType));

/** DATA SEGMENT GRANULARITY: the power of two of bytes in which a copy can be counted. */
const BYTES = 0;

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
