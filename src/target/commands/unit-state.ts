/** TEST UNIT READY and REQUEST SENSE: how the unit is (SPC-4). */

import { encodeSense, RequestSenseCdb, SenseKey } from '../../scsi/index.ts';
import { GOOD } from '../outcome.ts';
import type { Command } from './command.ts';

const nothingToReport = { key: SenseKey.noSense, code: 0 };

export const unitStateCommands = {
  testUnitReady: { execute: () => GOOD },
  requestSense: {
    /** Reports, and so clears, a pending unit attention; else why the unit is not ready, if it is not. */
    execute(unit, task) {
      const cdb = RequestSenseCdb.view(task.cdb);
      const sense = unit.unitAttentions.take(task.nexus) ?? unit.notReady()?.sense ?? nothingToReport;
      const format = cdb.descriptorFormat ? 'descriptor' : 'fixed';
      task.respond(encodeSense(sense, format), cdb.allocationLength);
      return GOOD;
    },
  },
} satisfies Record<string, Command>;
