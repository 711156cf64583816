/** READ CAPACITY(10) and (16) (SBC-3). */

import {
  CAPACITY_BEYOND_32_BITS,
  ReadCapacity10Data,
  ReadCapacity16Cdb,
  ReadCapacity16Data,
} from '../../scsi/index.ts';
import { GOOD } from '../outcome.ts';
import type { Command } from './command.ts';

export const capacityCommands = {
  readCapacity10: {
    execute(unit, task) {
      const data = ReadCapacity10Data.encode({
        lastLogicalBlockAddress: Math.min(unit.blocks - 1, CAPACITY_BEYOND_32_BITS),
        blockLength: unit.blockSize,
      });
      task.respond(data, data.length);
      return GOOD;
    },
  },
  readCapacity16: {
    execute(unit, task) {
      const data = ReadCapacity16Data.encode({
        lastLogicalBlockAddress: BigInt(unit.blocks - 1),
        blockLength: unit.blockSize,
        logicalBlocksPerPhysicalBlockExponent: Math.log2(unit.device.physicalBlockSize / unit.blockSize),
        provisioningManagementEnabled: unit.canUnmap,
        provisioningReadsZeros: unit.canUnmap,
      });
      task.respond(data, ReadCapacity16Cdb.view(task.cdb).allocationLength);
      return GOOD;
    },
  },
} satisfies Record<string, Command>;
