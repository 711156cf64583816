/** Commands that describe the target: REPORT LUNS, and what commands and task management functions there are. */

import {
  CDB_LENGTH,
  type CommandDescription,
  commandNames,
  describeCommand,
  encodeAllCommands,
  encodeLunList,
  encodeOneCommand,
  findCommand,
  operationCodes,
  ReportingOptions,
  ReportLunsCdb,
  ReportSupportedOperationCodesCdb,
  ReportSupportedTaskManagementFunctionsCdb,
  SelectReport,
  usageData,
} from '../../scsi/index.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { GOOD, invalidFieldInCdb, type Outcome } from '../outcome.ts';
import type { Task } from '../task.ts';
import type { Command } from './command.ts';

/** REPORT LUNS is also answered where there is no unit (SPC-4, REPORT LUNS). */
export function reportLuns(task: Task, luns: readonly number[]): Outcome {
  const cdb = ReportLunsCdb.view(task.cdb);
  if (cdb.allocationLength < 16) return invalidFieldInCdb(6);
  if (cdb.selectReport > SelectReport.all) return invalidFieldInCdb(2);
  const list = cdb.selectReport === SelectReport.wellKnown ? [] : luns;
  task.respond(encodeLunList(list), cdb.allocationLength);
  return GOOD;
}

/** ABORT TASK, ABORT TASK SET, CLEAR TASK SET, LOGICAL UNIT RESET and TARGET RESET. */
const taskManagementFunctions = Uint8Array.of(0b1101_1010, 0b0000_0000, 0, 0);

/** QUERY TASK, QUERY ASYNCHRONOUS EVENT, QUERY TASK SET and I_T NEXUS RESET as well, which take iSCSIProtocolLevel 2 (RFC 7144 §6.3). */
const laterTaskManagementFunctions = Uint8Array.of(0b1101_1110, 0b0000_0111, 0, 0);

function supportedCommands(unit: LogicalUnit): CommandDescription[] {
  return commandNames.filter((name) => unit.knows(name)).map(describeCommand);
}

/**
 * Initiators ask for each command of the list again, one by one, and some (libiscsi) have room for the usage data of 16 bytes of a
 * CDB and no more. Longer CDBs are left out of the list; who asks for one of them by its service action is answered.
 */
function isListed(command: CommandDescription): boolean {
  return usageData(command).length <= CDB_LENGTH;
}

function reportSupportedOperationCodes(unit: LogicalUnit, task: Task): Outcome {
  const cdb = ReportSupportedOperationCodesCdb.view(task.cdb);
  const { returnTimeouts, requestedOperationCode, requestedServiceAction } = cdb;
  const answer = (data: Uint8Array): Outcome => {
    task.respond(data, cdb.allocationLength);
    return GOOD;
  };
  if (cdb.reportingOptions === ReportingOptions.all) {
    return answer(encodeAllCommands(supportedCommands(unit).filter(isListed), returnTimeouts));
  }
  if (cdb.reportingOptions > ReportingOptions.either) return invalidFieldInCdb(2);
  const entry = operationCodes[requestedOperationCode];
  const asksForServiceAction = cdb.reportingOptions === ReportingOptions.serviceAction;
  // The forms for one kind of operation code are errors for the other (SPC-4, REPORT SUPPORTED OPERATION CODES).
  if (
    entry !== undefined &&
    cdb.reportingOptions !== ReportingOptions.either &&
    asksForServiceAction !== (entry.kind === 'service actions')
  ) {
    return invalidFieldInCdb(2);
  }
  const name = findCommand(requestedOperationCode, requestedServiceAction);
  const exists =
    name !== undefined && unit.knows(name) && (entry?.kind === 'service actions' || !namesServiceAction(cdb));
  const usage = exists ? usageData(describeCommand(name), unit.dpoFuaSupported) : undefined;
  return answer(encodeOneCommand(usage, returnTimeouts));
}

/** Whether a service action is asked for in the form that leaves it open whether there is one. */
function namesServiceAction(cdb: { reportingOptions: number; requestedServiceAction: number }): boolean {
  return cdb.reportingOptions === ReportingOptions.either && cdb.requestedServiceAction !== 0;
}

/** REPD: the same with how long functions may take, about which nothing is said. */
function withoutTimeouts(functions: Uint8Array): Uint8Array {
  const data = new Uint8Array(16);
  data.set(functions);
  data.set([data.length - 4], 3);
  return data;
}

export const reportCommands = {
  reportLuns: { execute: (unit, task) => reportLuns(task, unit.siblings()) },
  reportSupportedOperationCodes: { execute: reportSupportedOperationCodes },
  reportSupportedTaskManagementFunctions: {
    execute(_unit, task) {
      const cdb = ReportSupportedTaskManagementFunctionsCdb.view(task.cdb);
      if (cdb.allocationLength < 4) return invalidFieldInCdb(6);
      const functions = task.nexus.protocolLevel < 2 ? taskManagementFunctions : laterTaskManagementFunctions;
      const data = cdb.returnExtendedParameterData ? withoutTimeouts(functions) : functions;
      task.respond(data, cdb.allocationLength);
      return GOOD;
    },
  },
} satisfies Record<string, Command>;
