/** SYNCHRONIZE CACHE and START STOP UNIT: what makes acknowledged writes durable (SBC-3 §5.18, §5.19, §5.20). */

import type { Awaitable } from '../../block/device.ts';
import { StartStopUnitCdb, SynchronizeCache10Cdb, SynchronizeCache16Cdb } from '../../scsi/index.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { GOOD, LBA_OUT_OF_RANGE, type Outcome } from '../outcome.ts';
import type { Task } from '../task.ts';
import type { Command } from './command.ts';

type SynchronizeCdb = typeof SynchronizeCache10Cdb | typeof SynchronizeCache16Cdb;

/**
 * The whole device is flushed, whatever the range: that is always enough. With IMMED the answer may come before the data is safe
 * (SBC-3 §5.18); it waits here all the same, because an initiator that is told "done" tends to believe it.
 */
function flush(unit: LogicalUnit): Awaitable<Outcome> {
  const done = unit.device.flush();
  return done instanceof Promise ? done.then(() => GOOD) : GOOD;
}

function synchronizeCache(layout: SynchronizeCdb): Command {
  return {
    prepare(unit: LogicalUnit, task: Task) {
      const cdb = layout.view(task.cdb);
      const end = cdb.logicalBlockAddress + cdb.numberOfBlocks;
      return end > unit.blocks ? LBA_OUT_OF_RANGE : undefined;
    },
    execute: flush,
  };
}

export const cacheCommands = {
  synchronizeCache10: synchronizeCache(SynchronizeCache10Cdb),
  synchronizeCache16: synchronizeCache(SynchronizeCache16Cdb),
  startStopUnit: {
    /**
     * Stopping flushes and changes nothing else. A unit that stayed stopped after a machine's shutdown could not be booted again:
     * firmware sends no START.
     */
    execute(unit, task) {
      const cdb = StartStopUnitCdb.view(task.cdb);
      return cdb.startMedium || cdb.noFlush ? GOOD : flush(unit);
    },
  },
} satisfies Record<string, Command>;
