/** The range of blocks in a CDB, checked against the unit and noted in the task. */

import {
  Transfer6Cdb,
  type Transfer10Cdb,
  type Transfer12Cdb,
  type Transfer16Cdb,
  type Transfer32Cdb,
} from '../../scsi/index.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { invalidFieldInCdb, LBA_OUT_OF_RANGE, type Outcome } from '../outcome.ts';
import type { Task } from '../task.ts';

export type LongCdb = typeof Transfer10Cdb | typeof Transfer12Cdb | typeof Transfer16Cdb | typeof Transfer32Cdb;

/** Checks a range and notes it in the task as bytes. `lengthByte` is where the CDB has the transfer length. */
export function takeRange(
  unit: LogicalUnit,
  task: Task,
  lba: number,
  blocks: number,
  lengthByte: number,
): Outcome | undefined {
  // An address at the end is allowed for zero blocks, one behind it never.
  if (lba + blocks > unit.blocks || lba > unit.blocks) return LBA_OUT_OF_RANGE;
  if (blocks > unit.maximumTransferBlocks) return invalidFieldInCdb(lengthByte);
  task.offset = lba * unit.blockSize;
  task.length = blocks * unit.blockSize;
  return undefined;
}

/** READ(6), WRITE(6) */
export function takeRange6(unit: LogicalUnit, task: Task): Outcome | undefined {
  const cdb = Transfer6Cdb.view(task.cdb);
  const lba = cdb.logicalBlockAddressHigh * 65_536 + cdb.logicalBlockAddressLow;
  return takeRange(unit, task, lba, cdb.transferLength === 0 ? 256 : cdb.transferLength, 4);
}

/** The forms of 10, 12, 16 and 32 bytes. */
export function takeLongRange(layout: LongCdb, unit: LogicalUnit, task: Task): Outcome | undefined {
  const { cdb } = task;
  const { protect, forceUnitAccess, logicalBlockAddress, transferLength } = layout.fields;
  // No protection information is kept, so none can be asked for.
  if (protect.read(cdb, 0) !== 0) return invalidFieldInCdb(protect.offset);
  task.forceUnitAccess = forceUnitAccess.read(cdb, 0);
  const [lba, blocks] = [logicalBlockAddress.read(cdb, 0), transferLength.read(cdb, 0)];
  return takeRange(unit, task, lba, blocks, transferLength.offset);
}
