/**
 * Command descriptor blocks of variable length (SPC-4), which say themselves how long they are. Those of a disk have 32 bytes
 * (SBC-3). Their tags are for protection information.
 */

import { bits, flag, layout, u8, u16, u32 } from '../bytes/index.ts';
import { blockAddress64 } from './block-address.ts';

/** Bytes of the CDBs below. */
export const LONG_CDB_LENGTH = 32;

/** What they have in ADDITIONAL CDB LENGTH: the bytes behind the eighth. */
export const LONG_CDB_ADDITIONAL_LENGTH = LONG_CDB_LENGTH - 8;

const header = {
  operationCode: u8(0),
  control: u8(1),
  groupNumber: bits(6, 0, 5),
  additionalCdbLength: u8(7),
  serviceAction: u16(8),
};

const tags = {
  expectedInitialReferenceTag: u32(20),
  expectedApplicationTag: u16(24),
  applicationTagMask: u16(26),
};

/** READ, WRITE, VERIFY, WRITE AND VERIFY (32). `protect` is RDPROTECT, WRPROTECT or VRPROTECT. */
export const Transfer32Cdb = layout('READ(32)', LONG_CDB_LENGTH, {
  ...header,
  protect: bits(10, 5, 3),
  disablePageOut: flag(10, 4),
  forceUnitAccess: flag(10, 3),
  byteCheck: bits(10, 1, 2),
  logicalBlockAddress: blockAddress64(12),
  ...tags,
  transferLength: u32(28),
});

export const WriteSame32Cdb = layout('WRITE SAME(32)', LONG_CDB_LENGTH, {
  ...header,
  protect: bits(10, 5, 3),
  anchor: flag(10, 4),
  unmap: flag(10, 3),
  noDataOut: flag(10, 0),
  logicalBlockAddress: blockAddress64(12),
  ...tags,
  numberOfBlocks: u32(28),
});

/** `bitmapOperation` is BMOP. Generations count how often all initiators have agreed to start the bitmap anew. */
export const OrWrite32Cdb = layout('ORWRITE(32)', LONG_CDB_LENGTH, {
  ...header,
  bitmapOperation: bits(2, 0, 3),
  previousGenerationProcessing: bits(3, 0, 4),
  protect: bits(10, 5, 3),
  disablePageOut: flag(10, 4),
  forceUnitAccess: flag(10, 3),
  logicalBlockAddress: blockAddress64(12),
  expectedGeneration: u32(20),
  newGeneration: u32(24),
  transferLength: u32(28),
});
