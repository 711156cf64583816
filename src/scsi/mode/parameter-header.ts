/** What comes before the pages of mode parameters (SPC-4, SBC-3): a header, and how many blocks of which size there are. */

import { flag, layout, u8, u16, u24, u32 } from '../../bytes/index.ts';

/** DEVICE-SPECIFIC PARAMETER is that of a direct access block device. */
export const ModeHeader6 = layout('mode parameter header(6)', 4, {
  modeDataLength: u8(0),
  mediumType: u8(1),
  writeProtected: flag(2, 7),
  dpoFuaSupported: flag(2, 4),
  blockDescriptorLength: u8(3),
});

export const ModeHeader10 = layout('mode parameter header(10)', 8, {
  modeDataLength: u16(0),
  mediumType: u8(2),
  writeProtected: flag(3, 7),
  dpoFuaSupported: flag(3, 4),
  longLba: flag(4, 0),
  blockDescriptorLength: u16(6),
});

/** A number of blocks that does not fit is all ones. */
export const ShortBlockDescriptor = layout('short LBA mode parameter block descriptor', 8, {
  numberOfLogicalBlocks: u32(0),
  logicalBlockLength: u24(5),
});
