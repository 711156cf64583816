/**
 * Command descriptor blocks, declared as SPC-4 and SBC-3 draw them. A CDB comes in a field of at least 16 bytes, so every layout of
 * these fits whatever the initiator sent.
 */

import { bits, flag, layout, u8, u16, u32 } from '../bytes/index.ts';
import { blockAddress64 } from './block-address.ts';

/** Bytes of the CDB field, in which all commands but those of variable length fit. */
export const CDB_LENGTH = 16;

const operationCode = u8(0);

export const TestUnitReadyCdb = layout('TEST UNIT READY', 6, { operationCode, control: u8(5) });

export const RequestSenseCdb = layout('REQUEST SENSE', 6, {
  operationCode,
  descriptorFormat: flag(1, 0),
  allocationLength: u8(4),
});

export const InquiryCdb = layout('INQUIRY', 6, {
  operationCode,
  enableVitalProductData: flag(1, 0),
  pageCode: u8(2),
  allocationLength: u16(3),
});

export const ModeSense6Cdb = layout('MODE SENSE(6)', 6, {
  operationCode,
  disableBlockDescriptors: flag(1, 3),
  pageControl: bits(2, 6, 2),
  pageCode: bits(2, 0, 6),
  subpageCode: u8(3),
  allocationLength: u8(4),
});

export const ModeSense10Cdb = layout('MODE SENSE(10)', 10, {
  operationCode,
  longLbaAccepted: flag(1, 4),
  disableBlockDescriptors: flag(1, 3),
  pageControl: bits(2, 6, 2),
  pageCode: bits(2, 0, 6),
  subpageCode: u8(3),
  allocationLength: u16(7),
});

export const ModeSelect6Cdb = layout('MODE SELECT(6)', 6, {
  operationCode,
  pageFormat: flag(1, 4),
  savePages: flag(1, 0),
  parameterListLength: u8(4),
});

export const ModeSelect10Cdb = layout('MODE SELECT(10)', 10, {
  operationCode,
  pageFormat: flag(1, 4),
  savePages: flag(1, 0),
  parameterListLength: u16(7),
});

/** RESERVE(6) and RELEASE(6) (SPC-2): `thirdParty` and `extent` reservations are obsolete. */
export const Reserve6Cdb = layout('RESERVE(6)', 6, { operationCode, thirdParty: flag(1, 4), extent: flag(1, 0) });

export const StartStopUnitCdb = layout('START STOP UNIT', 6, {
  operationCode,
  immediate: flag(1, 0),
  powerCondition: bits(4, 4, 4),
  noFlush: flag(4, 2),
  loadEject: flag(4, 1),
  startMedium: flag(4, 0),
});

export const PreventAllowMediumRemovalCdb = layout('PREVENT ALLOW MEDIUM REMOVAL', 6, {
  operationCode,
  prevent: bits(4, 0, 2),
});

/** READ(6) and WRITE(6): a transfer length of 0 means 256 blocks. */
export const Transfer6Cdb = layout('READ(6)', 6, {
  operationCode,
  logicalBlockAddressHigh: bits(1, 0, 5),
  logicalBlockAddressLow: u16(2),
  transferLength: u8(4),
});

/** READ, WRITE, VERIFY (10). `protect` is RDPROTECT, WRPROTECT or VRPROTECT. */
export const Transfer10Cdb = layout('READ(10)', 10, {
  operationCode,
  protect: bits(1, 5, 3),
  disablePageOut: flag(1, 4),
  forceUnitAccess: flag(1, 3),
  byteCheck: bits(1, 1, 2),
  logicalBlockAddress: u32(2),
  groupNumber: bits(6, 0, 5),
  transferLength: u16(7),
});

/** READ, WRITE, VERIFY (12) */
export const Transfer12Cdb = layout('READ(12)', 12, {
  operationCode,
  protect: bits(1, 5, 3),
  disablePageOut: flag(1, 4),
  forceUnitAccess: flag(1, 3),
  byteCheck: bits(1, 1, 2),
  logicalBlockAddress: u32(2),
  transferLength: u32(6),
  groupNumber: bits(10, 0, 5),
});

/** READ, WRITE, VERIFY (16) */
export const Transfer16Cdb = layout('READ(16)', 16, {
  operationCode,
  protect: bits(1, 5, 3),
  disablePageOut: flag(1, 4),
  forceUnitAccess: flag(1, 3),
  byteCheck: bits(1, 1, 2),
  logicalBlockAddress: blockAddress64(2),
  transferLength: u32(10),
  groupNumber: bits(14, 0, 5),
});

export const ReadCapacity10Cdb = layout('READ CAPACITY(10)', 10, { operationCode });

export const ReadCapacity16Cdb = layout('READ CAPACITY(16)', 16, {
  operationCode,
  serviceAction: bits(1, 0, 5),
  allocationLength: u32(10),
});

export const GetLbaStatusCdb = layout('GET LBA STATUS', 16, {
  operationCode,
  serviceAction: bits(1, 0, 5),
  startingLogicalBlockAddress: blockAddress64(2),
  allocationLength: u32(10),
});

export const SynchronizeCache10Cdb = layout('SYNCHRONIZE CACHE(10)', 10, {
  operationCode,
  immediate: flag(1, 1),
  logicalBlockAddress: u32(2),
  groupNumber: bits(6, 0, 5),
  numberOfBlocks: u16(7),
});

export const SynchronizeCache16Cdb = layout('SYNCHRONIZE CACHE(16)', 16, {
  operationCode,
  immediate: flag(1, 1),
  logicalBlockAddress: blockAddress64(2),
  numberOfBlocks: u32(10),
  groupNumber: bits(14, 0, 5),
});

/** A length of 0 means to the end of the medium. */
export const PreFetch10Cdb = layout('PRE-FETCH(10)', 10, {
  operationCode,
  immediate: flag(1, 1),
  logicalBlockAddress: u32(2),
  groupNumber: bits(6, 0, 5),
  preFetchLength: u16(7),
});

export const PreFetch16Cdb = layout('PRE-FETCH(16)', 16, {
  operationCode,
  immediate: flag(1, 1),
  logicalBlockAddress: blockAddress64(2),
  preFetchLength: u32(10),
  groupNumber: bits(14, 0, 5),
});

export const ReadDefectData10Cdb = layout('READ DEFECT DATA(10)', 10, {
  operationCode,
  requestPrimaryList: flag(2, 4),
  requestGrownList: flag(2, 3),
  defectListFormat: bits(2, 0, 3),
  allocationLength: u16(7),
});

export const ReadDefectData12Cdb = layout('READ DEFECT DATA(12)', 12, {
  operationCode,
  requestPrimaryList: flag(1, 4),
  requestGrownList: flag(1, 3),
  defectListFormat: bits(1, 0, 3),
  addressDescriptorIndex: u32(2),
  allocationLength: u32(6),
});

export const WriteSame10Cdb = layout('WRITE SAME(10)', 10, {
  operationCode,
  protect: bits(1, 5, 3),
  anchor: flag(1, 4),
  unmap: flag(1, 3),
  logicalBlockAddress: u32(2),
  groupNumber: bits(6, 0, 5),
  numberOfBlocks: u16(7),
});

/** `noDataOut`: the block to write is all zeros and is not sent. */
export const WriteSame16Cdb = layout('WRITE SAME(16)', 16, {
  operationCode,
  protect: bits(1, 5, 3),
  anchor: flag(1, 4),
  unmap: flag(1, 3),
  noDataOut: flag(1, 0),
  logicalBlockAddress: blockAddress64(2),
  numberOfBlocks: u32(10),
  groupNumber: bits(14, 0, 5),
});

export const UnmapCdb = layout('UNMAP', 10, {
  operationCode,
  anchor: flag(1, 0),
  groupNumber: bits(6, 0, 5),
  parameterListLength: u16(7),
});

export const ReportLunsCdb = layout('REPORT LUNS', 12, {
  operationCode,
  selectReport: u8(2),
  allocationLength: u32(6),
});

export const ReportSupportedOperationCodesCdb = layout('REPORT SUPPORTED OPERATION CODES', 12, {
  operationCode,
  serviceAction: bits(1, 0, 5),
  returnTimeouts: flag(2, 7),
  reportingOptions: bits(2, 0, 3),
  requestedOperationCode: u8(3),
  requestedServiceAction: u16(4),
  allocationLength: u32(6),
});

/** REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS */
export const ReportSupportedTaskManagementFunctionsCdb = layout('REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS', 12, {
  operationCode,
  serviceAction: bits(1, 0, 5),
  returnExtendedParameterData: flag(2, 7),
  allocationLength: u32(6),
});

/** `numberOfBlocks` counts each half of the data: what is compared, then what is written. */
export const CompareAndWriteCdb = layout('COMPARE AND WRITE', 16, {
  operationCode,
  protect: bits(1, 5, 3),
  disablePageOut: flag(1, 4),
  forceUnitAccess: flag(1, 3),
  logicalBlockAddress: blockAddress64(2),
  numberOfBlocks: u8(13),
  groupNumber: bits(14, 0, 5),
});

/** The one command here that SBC-3 does not have: it is SBC-4's. */
export const WriteAtomic16Cdb = layout('WRITE ATOMIC(16)', 16, {
  operationCode,
  protect: bits(1, 5, 3),
  disablePageOut: flag(1, 4),
  forceUnitAccess: flag(1, 3),
  logicalBlockAddress: blockAddress64(2),
  atomicBoundary: u16(10),
  transferLength: u16(12),
  groupNumber: bits(14, 0, 5),
});

export const FormatUnitCdb = layout('FORMAT UNIT', 6, {
  operationCode,
  protectionInformation: bits(1, 6, 2),
  longList: flag(1, 5),
  formatData: flag(1, 4),
});

export const SendDiagnosticCdb = layout('SEND DIAGNOSTIC', 6, {
  operationCode,
  selfTestCode: bits(1, 5, 3),
  pageFormat: flag(1, 4),
  selfTest: flag(1, 2),
  parameterListLength: u16(3),
});
