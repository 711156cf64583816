/** The range of blocks in a CDB, checked against the unit and noted in the task. */

import {
  CDB_LENGTH,
  Transfer6Cdb,
  type Transfer10Cdb,
  type Transfer12Cdb,
  type Transfer16Cdb,
  type Transfer32Cdb,
} from '../../scsi/index.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { invalidFieldInCdb, LBA_OUT_OF_RANGE, type Outcome } from '../outcome.ts';
import { CDB_IN_HEADER, type Task } from '../task.ts';

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
  // All of 16 bytes lie in the header, where they are read.
  const isInHeader = layout.size <= CDB_LENGTH;
  const bytes = isInHeader ? task.header : task.cdb;
  const start = isInHeader ? CDB_IN_HEADER : 0;
  const { protect, forceUnitAccess, logicalBlockAddress, transferLength } = layout.fields;
  // No protection information is kept, so none can be asked for.
  if (protect.read(bytes, start) !== 0) return invalidFieldInCdb(protect.offset);
  task.forceUnitAccess = forceUnitAccess.read(bytes, start);
  const [lba, blocks] = [logicalBlockAddress.read(bytes, start), transferLength.read(bytes, start)];
  return takeRange(unit, task, lba, blocks, transferLength.offset);
}
