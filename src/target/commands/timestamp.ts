/** REPORT and SET TIMESTAMP (SPC-4). */

import {
  AdditionalSense,
  decodeSetTimestamp,
  encodeTimestamp,
  ReportTimestampCdb,
  SetTimestampCdb,
} from '../../scsi/index.ts';
import { GOOD, PARAMETER_LIST_LENGTH_ERROR } from '../outcome.ts';
import { takeParameterList } from '../parameter-list.ts';
import type { Command } from './command.ts';

export const timestampCommands = {
  reportTimestamp: {
    execute(unit, task) {
      const { allocationLength } = ReportTimestampCdb.view(task.cdb);
      task.respond(encodeTimestamp(unit.clock.now(), unit.clock.origin), allocationLength);
      return GOOD;
    },
  },
  setTimestamp: {
    prepare: (_unit, task) => takeParameterList(task, SetTimestampCdb.view(task.cdb).parameterListLength),
    execute(unit, task) {
      const list = task.parameters();
      if (list.length === 0) return GOOD;
      const timestamp = decodeSetTimestamp(list);
      if (timestamp === undefined) return PARAMETER_LIST_LENGTH_ERROR;
      unit.clock.set(timestamp);
      unit.tellOthers(task.nexus, AdditionalSense.timestampChanged);
      return GOOD;
    },
  },
} satisfies Record<string, Command>;
