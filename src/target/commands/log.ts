/** LOG SENSE and LOG SELECT: the unit's counters (SPC-4). */

import { encodeLogPage, LogSelectCdb, LogSenseCdb } from '../../scsi/index.ts';
import { GOOD, invalidFieldInCdb, PARAMETER_LIST_LENGTH_ERROR } from '../outcome.ts';
import { takeParameterList } from '../parameter-list.ts';
import type { Command } from './command.ts';

/** PAGE CONTROL: values since the last reset. Thresholds and defaults are not kept. */
const CUMULATIVE = 1;

export const logCommands = {
  logSense: {
    execute(unit, task) {
      const cdb = LogSenseCdb.view(task.cdb);
      if (cdb.saveParameters || cdb.parameterPointerControl) return invalidFieldInCdb(1);
      if (cdb.pageControl !== CUMULATIVE) return invalidFieldInCdb(2);
      const { pageCode, subpageCode, parameterPointer } = cdb;
      const page = encodeLogPage(pageCode, subpageCode, parameterPointer, unit.counters.counts());
      if (page === undefined) return invalidFieldInCdb(parameterPointer === 0 ? 2 : 5);
      task.respond(page, cdb.allocationLength);
      return GOOD;
    },
  },
  logSelect: {
    prepare(_unit, task) {
      const cdb = LogSelectCdb.view(task.cdb);
      if (cdb.saveParameters) return invalidFieldInCdb(1);
      if (cdb.parameterCodeReset && cdb.parameterListLength > 0) return invalidFieldInCdb(1);
      return takeParameterList(task, cdb.parameterListLength);
    },
    /** Counters can be reset, and not be set to a value. */
    execute(unit, task) {
      if (task.dataOutLength > 0) return PARAMETER_LIST_LENGTH_ERROR;
      if (LogSelectCdb.view(task.cdb).parameterCodeReset) unit.resetCounters(task.nexus);
      return GOOD;
    },
  },
} satisfies Record<string, Command>;
