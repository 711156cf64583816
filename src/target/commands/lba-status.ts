/** GET LBA STATUS (SBC-3): the extents of the device in blocks. */

import type { Awaitable, Extent } from '../../block/device.ts';
import { encodeLbaStatus, GetLbaStatusCdb, type LbaStatus, ProvisioningStatus } from '../../scsi/index.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { GOOD, LBA_OUT_OF_RANGE, type Outcome } from '../outcome.ts';
import type { Task } from '../task.ts';
import type { Command } from './command.ts';

/** One answer describes at most this much of the device: whoever wants to know more asks again where it ends. */
const SPAN = 256 << 20;

/** Descriptors in one answer at most. */
const LIMIT = 256;

function provisioningStatusOf({ provisioning }: LogicalUnit, { allocated, zero }: Extent): number {
  if (allocated || !zero) return ProvisioningStatus.mapped;
  // Storage that is kept for a block without data is anchored.
  return provisioning === 'thin' ? ProvisioningStatus.deallocated : ProvisioningStatus.anchored;
}

/** The runs of equal status, from the first block on and without a gap. */
function statusRuns(unit: LogicalUnit, extents: readonly Extent[]): LbaStatus[] {
  const runs: LbaStatus[] = [];
  for (const extent of extents) {
    const provisioningStatus = provisioningStatusOf(unit, extent);
    const numberOfBlocks = extent.length / unit.blockSize;
    const last = runs.at(-1);
    if (last?.provisioningStatus === provisioningStatus) {
      runs[runs.length - 1] = { ...last, numberOfBlocks: last.numberOfBlocks + numberOfBlocks };
    } else {
      runs.push({ logicalBlockAddress: extent.offset / unit.blockSize, numberOfBlocks, provisioningStatus });
    }
  }
  return runs.slice(0, LIMIT);
}

function answer(unit: LogicalUnit, task: Task, extents: readonly Extent[]): Outcome {
  const { allocationLength } = GetLbaStatusCdb.view(task.cdb);
  task.respond(encodeLbaStatus(statusRuns(unit, extents)), allocationLength);
  return GOOD;
}

export const lbaStatusCommands = {
  getLbaStatus: {
    prepare(unit, task) {
      const { startingLogicalBlockAddress } = GetLbaStatusCdb.view(task.cdb);
      if (startingLogicalBlockAddress >= unit.blocks) return LBA_OUT_OF_RANGE;
      task.offset = startingLogicalBlockAddress * unit.blockSize;
      return undefined;
    },
    execute(unit, task): Awaitable<Outcome> {
      const { device } = unit;
      const length = Math.min(SPAN, device.size - task.offset);
      if (device.capabilities.extents === 'none') {
        return answer(unit, task, [{ offset: task.offset, length, allocated: true, zero: false }]);
      }
      const extents = device.extents(task.offset, length);
      return extents instanceof Promise
        ? extents.then((later) => answer(unit, task, later))
        : answer(unit, task, extents);
    },
  },
} satisfies Record<string, Command>;
