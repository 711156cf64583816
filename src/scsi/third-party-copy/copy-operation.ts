/**
 * What is told of copies with list identifiers of four bytes: RECEIVE COPY STATUS(LID4) and RECEIVE ROD TOKEN INFORMATION, and how
 * they are ended by COPY OPERATION ABORT (SPC-4).
 */

import { bits, layout, u8, u16, u32, u64, writeU32 } from '../../bytes/index.ts';
import { ROD_TOKEN_LENGTH } from './rod-token.ts';

/** RECEIVE COPY STATUS(LID4) and RECEIVE ROD TOKEN INFORMATION. */
export const ReceiveCopyOperationCdb = layout('RECEIVE ROD TOKEN INFORMATION', 16, {
  operationCode: u8(0),
  serviceAction: bits(1, 0, 5),
  listIdentifier: u32(2),
  allocationLength: u32(10),
});

export const CopyOperationAbortCdb = layout('COPY OPERATION ABORT', 16, {
  operationCode: u8(0),
  serviceAction: bits(1, 0, 5),
  listIdentifier: u32(2),
});

/** COPY OPERATION STATUS. */
export const CopyOperationStatus = {
  completed: 0x01,
  failed: 0x02,
  inForeground: 0x11,
  inBackground: 0x12,
  terminated: 0x60,
} as const;

/** TRANSFER COUNT UNITS: bytes, or blocks of the unit that was asked to copy. */
export const TransferCountUnits = { bytes: 0x00, blocks: 0xf1 } as const;

/** ESTIMATED STATUS UPDATE DELAY of what will not change any more. */
const NO_UPDATE = 0xffff_fffe;

/** Milliseconds after which it is worth asking again: a piece or two will have been copied. */
const UPDATE_DELAY = 100;

export const CopyOperationData = layout('RECEIVE COPY STATUS(LID4) parameter data', 32, {
  availableData: u32(0),
  responseToServiceAction: bits(4, 0, 5),
  copyOperationStatus: bits(5, 0, 7),
  operationCounter: u16(6),
  estimatedStatusUpdateDelay: u32(8),
  completionStatus: u8(12),
  senseDataFieldLength: u8(13),
  senseDataLength: u8(14),
  transferCountUnits: u8(15),
  transferCount: u64(16),
  segmentsProcessed: u16(24),
});

export interface CopyOperation {
  /** Of the command that asked for the copy. */
  readonly serviceAction: number;
  /** A value of CopyOperationStatus. */
  readonly status: number;
  /** Reads and writes so far; wraps after 16 bits. */
  readonly operations: number;
  /** The SCSI status of a copy that is over. */
  readonly completionStatus: number;
  /** Empty, or the sense data of one that failed. */
  readonly sense: Uint8Array;
  /** A value of TransferCountUnits. */
  readonly transferCountUnits: number;
  readonly transferCount: number;
  readonly segmentsProcessed: number;
}

/** RECEIVE COPY STATUS(LID4). */
export function encodeCopyOperation(operation: CopyOperation): Uint8Array<ArrayBuffer> {
  return encode(operation, 0);
}

/** RECEIVE ROD TOKEN INFORMATION: the same, and the token that the copy has made, if it has made one. */
export function encodeRodTokenInformation(
  operation: CopyOperation,
  token: Uint8Array | undefined,
): Uint8Array<ArrayBuffer> {
  const descriptorsLength = token === undefined ? 0 : RESERVED_IDENTIFIER + ROD_TOKEN_LENGTH;
  const result = encode(operation, LENGTH + descriptorsLength);
  const at = CopyOperationData.size + operation.sense.length;
  writeU32(result, at, descriptorsLength);
  if (token !== undefined) result.set(token, at + LENGTH + RESERVED_IDENTIFIER);
  return result;
}

/** Bytes of ROD TOKEN DESCRIPTORS LENGTH. */
const LENGTH = 4;

/** Bytes before the token in its descriptor: an identifier that only EXTENDED COPY gives. */
const RESERVED_IDENTIFIER = 2;

function encode(operation: CopyOperation, moreLength: number): Uint8Array<ArrayBuffer> {
  const { sense, status } = operation;
  const isUnderWay = status === CopyOperationStatus.inForeground || status === CopyOperationStatus.inBackground;
  const result = new Uint8Array(CopyOperationData.size + sense.length + moreLength);
  CopyOperationData.write(result, 0, {
    availableData: result.length - 4,
    responseToServiceAction: operation.serviceAction,
    copyOperationStatus: status,
    operationCounter: operation.operations & 0xffff,
    estimatedStatusUpdateDelay: isUnderWay ? UPDATE_DELAY : NO_UPDATE,
    completionStatus: operation.completionStatus,
    senseDataFieldLength: sense.length,
    senseDataLength: sense.length,
    transferCountUnits: operation.transferCountUnits,
    transferCount: BigInt(operation.transferCount),
    segmentsProcessed: operation.segmentsProcessed,
  });
  result.set(sense, CopyOperationData.size);
  return result;
}
