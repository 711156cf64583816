/** FORMAT UNIT: every block reads as zeros afterwards (SBC-3). Sizes stay what they are. */

import { bits, flag, layout, u8, u16, u32 } from '../../bytes/index.ts';
import { FormatUnitCdb } from '../../scsi/index.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import {
  GOOD,
  invalidFieldInCdb,
  invalidFieldInParameterList,
  type Outcome,
  PARAMETER_LIST_LENGTH_ERROR,
} from '../outcome.ts';
import type { Task } from '../task.ts';
import type { Command } from './command.ts';
import { clearRange } from './provisioning.ts';

/** The bits about defects and certification ask for nothing that there is to do. */
const ShortHeader = layout('short parameter list header', 4, {
  protectionFieldUsage: bits(0, 0, 3),
  initializationPattern: flag(1, 3),
  immediate: flag(1, 1),
  defectListLength: u16(2),
});

const LongHeader = layout('long parameter list header', 8, {
  protectionFieldUsage: bits(0, 0, 3),
  initializationPattern: flag(1, 3),
  immediate: flag(1, 1),
  protectionIntervalExponent: u8(3),
  defectListLength: u32(4),
});

function checkList(list: Uint8Array, header: typeof ShortHeader | typeof LongHeader): Outcome | undefined {
  if (list.length < header.size) return PARAMETER_LIST_LENGTH_ERROR;
  const { protectionFieldUsage, initializationPattern, defectListLength } = header.view(list);
  if (protectionFieldUsage !== 0) return invalidFieldInParameterList(0);
  if (initializationPattern) return invalidFieldInParameterList(1);
  return defectListLength === 0 ? undefined : invalidFieldInParameterList(header.fields.defectListLength.offset);
}

/** With IMMED the answer may come before the work is done; it waits for it all the same, as that of SYNCHRONIZE CACHE does. */
async function formatUnit(unit: LogicalUnit, task: Task): Promise<Outcome> {
  const { formatData, longList } = FormatUnitCdb.view(task.cdb);
  const failure = formatData ? checkList(task.parameters(), longList ? LongHeader : ShortHeader) : undefined;
  if (failure !== undefined) return failure;
  task.offset = 0;
  task.length = unit.device.size;
  unit.changes.replaced();
  await unit.exclusiveRanges.run(task, unit.taskSet.tasks(), () => clearRange(unit, task, unit.canUnmap));
  if (!task.aborted) await unit.device.flush();
  return GOOD;
}

export const formatCommands = {
  formatUnit: {
    prepare(_unit, task) {
      const cdb = FormatUnitCdb.view(task.cdb);
      if (cdb.protectionInformation !== 0) return invalidFieldInCdb(1);
      task.dataOutLength = cdb.formatData ? (cdb.longList ? LongHeader : ShortHeader).size : 0;
      return undefined;
    },
    execute: formatUnit,
  },
} satisfies Record<string, Command>;
