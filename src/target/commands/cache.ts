/** SYNCHRONIZE CACHE: what makes acknowledged writes durable (SBC-3). */

import type { Awaitable } from '../../block/device.ts';
import { SynchronizeCache10Cdb, SynchronizeCache16Cdb } from '../../scsi/index.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { GOOD, LBA_OUT_OF_RANGE, type Outcome } from '../outcome.ts';
import type { Task } from '../task.ts';
import type { Command } from './command.ts';

type SynchronizeCdb = typeof SynchronizeCache10Cdb | typeof SynchronizeCache16Cdb;

/**
 * The whole device is flushed, whatever the range: that is always enough. With IMMED the answer may come before the data is safe
 * by the standard; it waits here all the same, because an initiator that is told "done" tends to believe it.
 */
export function flushUnit(unit: LogicalUnit): Awaitable<Outcome> {
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
    execute: flushUnit,
  };
}

export const cacheCommands = {
  synchronizeCache10: synchronizeCache(SynchronizeCache10Cdb),
  synchronizeCache16: synchronizeCache(SynchronizeCache16Cdb),
} satisfies Record<string, Command>;
