/** What READ CAPACITY answers (SBC-3). */

import { bits, flag, layout, u32, u64 } from '../bytes/index.ts';

export const ReadCapacity10Data = layout('READ CAPACITY(10) parameter data', 8, {
  lastLogicalBlockAddress: u32(0),
  blockLength: u32(4),
});

export const ReadCapacity16Data = layout('READ CAPACITY(16) parameter data', 32, {
  lastLogicalBlockAddress: u64(0),
  blockLength: u32(8),
  protectionType: bits(12, 1, 3),
  protectionEnabled: flag(12, 0),
  logicalBlocksPerPhysicalBlockExponent: bits(13, 0, 4),
  provisioningManagementEnabled: flag(14, 7),
  provisioningReadsZeros: flag(14, 6),
});

/** READ CAPACITY(10) says this when the last block's address does not fit: ask READ CAPACITY(16). */
export const CAPACITY_BEYOND_32_BITS = 0xffff_ffff;
