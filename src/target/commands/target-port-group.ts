/** REPORT and SET TARGET PORT GROUPS: one group with the one port, always active and optimized (SPC-4). */

import {
  AccessState,
  AccessStatus,
  decodeSetTargetPortGroups,
  encodeTargetPortGroups,
  ReportTargetPortGroupsCdb,
  SetTargetPortGroupsCdb,
} from '../../scsi/index.ts';
import { GOOD, invalidFieldInCdb, invalidFieldInParameterList, PARAMETER_LIST_LENGTH_ERROR } from '../outcome.ts';
import { takeParameterList } from '../parameter-list.ts';
import type { Command } from './command.ts';

/** Bytes of the parameter list's header and of each of its descriptors. */
const SET_DESCRIPTOR = 4;

export const targetPortGroupCommands = {
  reportTargetPortGroups: {
    execute(unit, task) {
      const { parameterDataFormat, allocationLength } = ReportTargetPortGroupsCdb.view(task.cdb);
      const group = {
        targetPortGroup: unit.relativeTargetPort,
        accessState: AccessState.activeOptimized,
        statusCode: AccessStatus.noStatus,
        preferred: true,
        relativeTargetPorts: [unit.relativeTargetPort],
      };
      const data = encodeTargetPortGroups([group], parameterDataFormat);
      if (data === undefined) return invalidFieldInCdb(1);
      task.respond(data, allocationLength);
      return GOOD;
    },
  },
  setTargetPortGroups: {
    prepare: (_unit, task) => takeParameterList(task, SetTargetPortGroupsCdb.view(task.cdb).parameterListLength),
    /** To ask for the state that there is changes nothing; the ports have no other. */
    execute(unit, task) {
      const list = task.parameters();
      if (list.length === 0) return GOOD;
      const wanted = decodeSetTargetPortGroups(list);
      if (wanted === undefined) return PARAMETER_LIST_LENGTH_ERROR;
      const refused = wanted.findIndex(
        ({ targetPortGroup, accessState }) =>
          targetPortGroup !== unit.relativeTargetPort || accessState !== AccessState.activeOptimized,
      );
      return refused < 0 ? GOOD : invalidFieldInParameterList((refused + 1) * SET_DESCRIPTOR);
    },
  },
} satisfies Record<string, Command>;
