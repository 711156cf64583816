/** What a target answers at a LUN where it has no unit (SPC-4, SAM-5). */

import {
  AdditionalSense,
  encodeAbsentInquiry,
  encodeSense,
  findCommand,
  InquiryCdb,
  RequestSenseCdb,
  SenseKey,
} from '../scsi/index.ts';
import { reportLuns } from './commands/report.ts';
import { GOOD, invalidFieldInCdb, type Outcome, UNIT_NOT_SUPPORTED } from './outcome.ts';
import type { Task } from './task.ts';
import { defaultIdentification } from './unit-identity.ts';

/** `luns` are those that exist. */
export function executeAtAbsentUnit(task: Task, luns: readonly number[]): Outcome {
  switch (findCommand(task.cdb[0] ?? 0, 0)) {
    case 'inquiry': {
      const cdb = InquiryCdb.view(task.cdb);
      if (cdb.enableVitalProductData || cdb.pageCode !== 0) return invalidFieldInCdb(2);
      task.respond(encodeAbsentInquiry(defaultIdentification, task.nexus.protocolLevel), cdb.allocationLength);
      return GOOD;
    }
    case 'reportLuns':
      return reportLuns(task, luns);
    case 'requestSense': {
      const sense = { key: SenseKey.illegalRequest, code: AdditionalSense.logicalUnitNotSupported };
      const cdb = RequestSenseCdb.view(task.cdb);
      task.respond(encodeSense(sense, cdb.descriptorFormat ? 'descriptor' : 'fixed'), cdb.allocationLength);
      return GOOD;
    }
    default:
      return UNIT_NOT_SUPPORTED;
  }
}
