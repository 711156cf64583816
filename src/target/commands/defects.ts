/** READ DEFECT DATA(10) and (12): these devices have no defects of their own to tell of (SBC-3). */

import { bits, flag, layout, u16, u32 } from '../../bytes/index.ts';
import { ReadDefectData10Cdb, ReadDefectData12Cdb } from '../../scsi/index.ts';
import { GOOD } from '../outcome.ts';
import type { Command } from './command.ts';

/** Both headers say which lists follow, in which format; the lists are empty. */
const DefectHeader10 = layout('READ DEFECT DATA(10) parameter data', 4, {
  primaryListValid: flag(1, 4),
  grownListValid: flag(1, 3),
  defectListFormat: bits(1, 0, 3),
  defectListLength: u16(2),
});

const DefectHeader12 = layout('READ DEFECT DATA(12) parameter data', 8, {
  primaryListValid: flag(1, 4),
  grownListValid: flag(1, 3),
  defectListFormat: bits(1, 0, 3),
  generationCode: u16(2),
  defectListLength: u32(4),
});

function lists(cdb: { requestPrimaryList: boolean; requestGrownList: boolean; defectListFormat: number }): {
  primaryListValid: boolean;
  grownListValid: boolean;
  defectListFormat: number;
} {
  return {
    primaryListValid: cdb.requestPrimaryList,
    grownListValid: cdb.requestGrownList,
    defectListFormat: cdb.defectListFormat,
  };
}

export const defectCommands = {
  readDefectData10: {
    execute(_unit, task) {
      const cdb = ReadDefectData10Cdb.view(task.cdb);
      task.respond(DefectHeader10.encode(lists(cdb)), cdb.allocationLength);
      return GOOD;
    },
  },
  readDefectData12: {
    execute(_unit, task) {
      const cdb = ReadDefectData12Cdb.view(task.cdb);
      task.respond(DefectHeader12.encode(lists(cdb)), cdb.allocationLength);
      return GOOD;
    },
  },
} satisfies Record<string, Command>;
