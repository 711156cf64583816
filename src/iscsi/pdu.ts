/**
 * The 48-byte basic header segment of every PDU (RFC 7143 §11), declared as it is drawn there. Field names are the RFC's.
 *
 * Bits are numbered from the least significant one of their byte; the RFC's drawings number them from the left.
 */

import { bits, bytes, flag, layout, u8, u16, u24, u32, type View } from '../bytes/index.ts';

export const BASIC_HEADER_LENGTH = 48;

/** What all headers share (RFC 7143 §11.2.1). `totalAHSLength` counts four-byte words. */
const common = {
  immediate: flag(0, 6),
  opcode: bits(0, 0, 6),
  final: flag(1, 7),
  totalAHSLength: u8(4),
  dataSegmentLength: u24(5),
  initiatorTaskTag: u32(16),
};

/** Numbering of what the initiator sends. */
const fromInitiator = { cmdSN: u32(24), expStatSN: u32(28) };

/** Numbering of what the target sends. */
const fromTarget = { statSN: u32(24), expCmdSN: u32(28), maxCmdSN: u32(32) };

const lun = bytes(8, 8);
const targetTransferTag = u32(20);

/** Any PDU, before its opcode is known. */
export const BasicHeader = layout('Basic Header Segment', BASIC_HEADER_LENGTH, { ...common, lun });
export type BasicHeader = View<typeof BasicHeader>;

/** RFC 7143 §11.3; `priority` counts from iSCSIProtocolLevel 2 on (RFC 7144 §5.1.1). */
export const ScsiCommand = layout('SCSI Command', BASIC_HEADER_LENGTH, {
  ...common,
  read: flag(1, 6),
  write: flag(1, 5),
  attribute: bits(1, 0, 3),
  priority: bits(2, 4, 4),
  lun,
  expectedDataTransferLength: u32(20),
  ...fromInitiator,
  cdb: bytes(32, 16),
});
export type ScsiCommand = View<typeof ScsiCommand>;

/** Values of `attribute` (RFC 7143 §11.3.1). */
export const TaskAttribute = { untagged: 0, simple: 1, ordered: 2, headOfQueue: 3, aca: 4 } as const;

/** RFC 7143 §11.4; `statusQualifier` counts from iSCSIProtocolLevel 2 on (RFC 7144 §5.2.1). */
export const ScsiResponse = layout('SCSI Response', BASIC_HEADER_LENGTH, {
  ...common,
  bidirectionalOverflow: flag(1, 4),
  bidirectionalUnderflow: flag(1, 3),
  overflow: flag(1, 2),
  underflow: flag(1, 1),
  response: u8(2),
  status: u8(3),
  statusQualifier: u16(8),
  snackTag: u32(20),
  ...fromTarget,
  expDataSN: u32(36),
  bidirectionalResidualCount: u32(40),
  residualCount: u32(44),
});
export type ScsiResponse = View<typeof ScsiResponse>;

/** Values of a SCSI Response's `response` (RFC 7143 §11.4.3). */
export const ScsiResponseCode = { completed: 0x00, targetFailure: 0x01 } as const;

/** RFC 7143 §11.5 */
export const TaskManagementRequest = layout('Task Management Function Request', BASIC_HEADER_LENGTH, {
  ...common,
  function: bits(1, 0, 7),
  lun,
  referencedTaskTag: u32(20),
  ...fromInitiator,
  refCmdSN: u32(32),
  expDataSN: u32(36),
});
export type TaskManagementRequest = View<typeof TaskManagementRequest>;

/** RFC 7143 §11.5.1, and RFC 7144 §6.3 for 9 to 12. */
export const TaskManagementFunction = {
  abortTask: 1,
  abortTaskSet: 2,
  clearAca: 3,
  clearTaskSet: 4,
  logicalUnitReset: 5,
  targetWarmReset: 6,
  targetColdReset: 7,
  taskReassign: 8,
  queryTask: 9,
  queryTaskSet: 10,
  itNexusReset: 11,
  queryAsynchronousEvent: 12,
} as const;

/** RFC 7143 §11.6; `additionalResponseInformation` is what SAM-5 gives it (RFC 7144 §6.4.1). */
export const TaskManagementResponse = layout('Task Management Function Response', BASIC_HEADER_LENGTH, {
  ...common,
  response: u8(2),
  additionalResponseInformation: u24(8),
  ...fromTarget,
});
export type TaskManagementResponse = View<typeof TaskManagementResponse>;

/** RFC 7143 §11.6.1, and RFC 7144 §6.4.2 for 7. */
export const TaskManagementResponseCode = {
  functionComplete: 0,
  taskDoesNotExist: 1,
  lunDoesNotExist: 2,
  taskStillAllegiant: 3,
  taskReassignmentNotSupported: 4,
  functionNotSupported: 5,
  authorizationFailed: 6,
  functionSucceeded: 7,
  functionRejected: 255,
} as const;

/** RFC 7143 §11.7: SCSI Data-Out */
export const DataOut = layout('SCSI Data-Out', BASIC_HEADER_LENGTH, {
  ...common,
  lun,
  targetTransferTag,
  expStatSN: u32(28),
  dataSN: u32(36),
  bufferOffset: u32(40),
});
export type DataOut = View<typeof DataOut>;

/** RFC 7143 §11.7: SCSI Data-In. `status` counts only when `hasStatus`. */
export const DataIn = layout('SCSI Data-In', BASIC_HEADER_LENGTH, {
  ...common,
  acknowledge: flag(1, 6),
  overflow: flag(1, 2),
  underflow: flag(1, 1),
  hasStatus: flag(1, 0),
  status: u8(3),
  lun,
  targetTransferTag,
  ...fromTarget,
  dataSN: u32(36),
  bufferOffset: u32(40),
  residualCount: u32(44),
});
export type DataIn = View<typeof DataIn>;

/** RFC 7143 §11.8 */
export const ReadyToTransfer = layout('Ready To Transfer', BASIC_HEADER_LENGTH, {
  ...common,
  lun,
  targetTransferTag,
  ...fromTarget,
  r2tSN: u32(36),
  bufferOffset: u32(40),
  desiredDataTransferLength: u32(44),
});
export type ReadyToTransfer = View<typeof ReadyToTransfer>;

/** RFC 7143 §11.9 */
export const AsyncMessage = layout('Asynchronous Message', BASIC_HEADER_LENGTH, {
  ...common,
  lun,
  ...fromTarget,
  asyncEvent: u8(36),
  asyncVCode: u8(37),
  parameter1: u16(38),
  parameter2: u16(40),
  parameter3: u16(42),
});
export type AsyncMessage = View<typeof AsyncMessage>;

/** RFC 7143 §11.9.1 */
export const AsyncEvent = {
  scsi: 0,
  logoutRequested: 1,
  connectionDropped: 2,
  sessionDropped: 3,
  renegotiate: 4,
  taskTermination: 5,
  vendorSpecific: 255,
} as const;

/** RFC 7143 §11.10 */
export const TextRequest = layout('Text Request', BASIC_HEADER_LENGTH, {
  ...common,
  continue: flag(1, 6),
  lun,
  targetTransferTag,
  ...fromInitiator,
});
export type TextRequest = View<typeof TextRequest>;

/** RFC 7143 §11.11 */
export const TextResponse = layout('Text Response', BASIC_HEADER_LENGTH, {
  ...common,
  continue: flag(1, 6),
  lun,
  targetTransferTag,
  ...fromTarget,
});
export type TextResponse = View<typeof TextResponse>;

/** RFC 7143 §11.12 */
export const LoginRequest = layout('Login Request', BASIC_HEADER_LENGTH, {
  ...common,
  transit: flag(1, 7),
  continue: flag(1, 6),
  currentStage: bits(1, 2, 2),
  nextStage: bits(1, 0, 2),
  versionMax: u8(2),
  versionMin: u8(3),
  isid: bytes(8, 6),
  tsih: u16(14),
  cid: u16(20),
  ...fromInitiator,
});
export type LoginRequest = View<typeof LoginRequest>;

/** RFC 7143 §11.13 */
export const LoginResponse = layout('Login Response', BASIC_HEADER_LENGTH, {
  ...common,
  transit: flag(1, 7),
  continue: flag(1, 6),
  currentStage: bits(1, 2, 2),
  nextStage: bits(1, 0, 2),
  versionMax: u8(2),
  versionActive: u8(3),
  isid: bytes(8, 6),
  tsih: u16(14),
  ...fromTarget,
  statusClass: u8(36),
  statusDetail: u8(37),
});
export type LoginResponse = View<typeof LoginResponse>;

/** Values of `currentStage` and `nextStage` (RFC 7143 §11.12.3). */
export const LoginStage = { securityNegotiation: 0, loginOperationalNegotiation: 1, fullFeaturePhase: 3 } as const;

/** Status-Class in the high byte, Status-Detail in the low one (RFC 7143 §11.13.5). */
export const LoginStatus = {
  success: 0x0000,
  targetMovedTemporarily: 0x0101,
  targetMovedPermanently: 0x0102,
  initiatorError: 0x0200,
  authenticationFailure: 0x0201,
  authorizationFailure: 0x0202,
  notFound: 0x0203,
  targetRemoved: 0x0204,
  unsupportedVersion: 0x0205,
  tooManyConnections: 0x0206,
  missingParameter: 0x0207,
  cannotIncludeInSession: 0x0208,
  sessionTypeNotSupported: 0x0209,
  sessionDoesNotExist: 0x020a,
  invalidDuringLogin: 0x020b,
  targetError: 0x0300,
  serviceUnavailable: 0x0301,
  outOfResources: 0x0302,
} as const;

/** RFC 7143 §11.14 */
export const LogoutRequest = layout('Logout Request', BASIC_HEADER_LENGTH, {
  ...common,
  reason: bits(1, 0, 7),
  cid: u16(20),
  ...fromInitiator,
});
export type LogoutRequest = View<typeof LogoutRequest>;

/** RFC 7143 §11.14.1 */
export const LogoutReason = { closeSession: 0, closeConnection: 1, removeConnectionForRecovery: 2 } as const;

/** RFC 7143 §11.15. Times are seconds. */
export const LogoutResponse = layout('Logout Response', BASIC_HEADER_LENGTH, {
  ...common,
  response: u8(2),
  ...fromTarget,
  time2Wait: u16(40),
  time2Retain: u16(42),
});
export type LogoutResponse = View<typeof LogoutResponse>;

/** RFC 7143 §11.15.1 */
export const LogoutResponseCode = { closed: 0, cidNotFound: 1, recoveryNotSupported: 2, cleanupFailed: 3 } as const;

/** RFC 7143 §11.16 */
export const SnackRequest = layout('SNACK Request', BASIC_HEADER_LENGTH, {
  ...common,
  type: bits(1, 0, 4),
  lun,
  targetTransferTag,
  expStatSN: u32(28),
  begRun: u32(40),
  runLength: u32(44),
});
export type SnackRequest = View<typeof SnackRequest>;

/** RFC 7143 §11.16.1 */
export const SnackType = { dataOrR2T: 0, status: 1, dataAck: 2, rData: 3 } as const;

/** RFC 7143 §11.17. The data segment holds the header of the rejected PDU. */
export const Reject = layout('Reject', BASIC_HEADER_LENGTH, {
  ...common,
  reason: u8(2),
  ...fromTarget,
  dataSN: u32(36),
});
export type Reject = View<typeof Reject>;

/** RFC 7143 §11.17.1 */
export const RejectReason = {
  dataDigestError: 0x02,
  snackReject: 0x03,
  protocolError: 0x04,
  commandNotSupported: 0x05,
  immediateCommandReject: 0x06,
  taskInProgress: 0x07,
  invalidDataAck: 0x08,
  invalidPduField: 0x09,
  longOperationReject: 0x0a,
  negotiationReset: 0x0b,
  waitingForLogout: 0x0c,
} as const;

/** RFC 7143 §11.18 */
export const NopOut = layout('NOP-Out', BASIC_HEADER_LENGTH, { ...common, lun, targetTransferTag, ...fromInitiator });
export type NopOut = View<typeof NopOut>;

/** RFC 7143 §11.19 */
export const NopIn = layout('NOP-In', BASIC_HEADER_LENGTH, { ...common, lun, targetTransferTag, ...fromTarget });
export type NopIn = View<typeof NopIn>;
