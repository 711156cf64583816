/** Commands about the unit's own state: readiness, sense, medium removal, and RESERVE/RELEASE of SPC-2. */

import { encodeSense, PreventAllowMediumRemovalCdb, RequestSenseCdb, Reserve6Cdb, SenseKey } from '../../scsi/index.ts';
import { GOOD, invalidFieldInCdb, type Outcome, RESERVATION_CONFLICT } from '../outcome.ts';
import type { Task } from '../task.ts';
import type { Command } from './command.ts';

const nothingToReport = { key: SenseKey.noSense, code: 0 };

/** Only reservations of the whole unit for the asker itself exist: extents and third parties are obsolete (SPC-2 §7.21). */
function checkReserve(task: Task): Outcome | undefined {
  const cdb = Reserve6Cdb.view(task.cdb);
  return cdb.thirdParty || cdb.extent ? invalidFieldInCdb(1) : undefined;
}

export const unitStateCommands = {
  testUnitReady: { execute: () => GOOD },
  requestSense: {
    /** Reports, and so clears, a pending unit attention (SPC-4 §6.39). */
    execute(unit, task) {
      const cdb = RequestSenseCdb.view(task.cdb);
      const sense = unit.unitAttentions.take(task.nexus) ?? nothingToReport;
      const format = cdb.descriptorFormat ? 'descriptor' : 'fixed';
      task.respond(encodeSense(sense, format), cdb.allocationLength);
      return GOOD;
    },
  },
  preventAllowMediumRemoval: {
    execute(unit, task) {
      const { prevent } = PreventAllowMediumRemovalCdb.view(task.cdb);
      if (prevent > 1) return invalidFieldInCdb(4);
      if (prevent === 1) unit.removalPreventedBy.add(task.nexus);
      else unit.removalPreventedBy.delete(task.nexus);
      return GOOD;
    },
  },
  reserve6: {
    execute(unit, task) {
      const failure = checkReserve(task);
      if (failure !== undefined) return failure;
      if (unit.reservedBy !== undefined && unit.reservedBy !== task.nexus) return RESERVATION_CONFLICT;
      unit.reservedBy = task.nexus;
      return GOOD;
    },
  },
  release6: {
    /** Releasing what another nexus has reserved is GOOD and does nothing (SPC-2 §7.17). */
    execute(unit, task) {
      const failure = checkReserve(task);
      if (failure !== undefined) return failure;
      if (unit.reservedBy === task.nexus) unit.reservedBy = undefined;
      return GOOD;
    },
  },
} satisfies Record<string, Command>;
