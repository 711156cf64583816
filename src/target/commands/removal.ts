/** START STOP UNIT and PREVENT ALLOW MEDIUM REMOVAL (SBC-3). */

import { PreventAllowMediumRemovalCdb, StartStopUnitCdb } from '../../scsi/index.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { GOOD, invalidFieldInCdb, type Outcome } from '../outcome.ts';
import { MEDIUM_NOT_PRESENT, REMOVAL_PREVENTED } from '../removable-medium.ts';
import type { Task } from '../task.ts';
import { flushUnit } from './cache.ts';
import type { Command } from './command.ts';

async function eject(unit: LogicalUnit): Promise<Outcome> {
  await flushUnit(unit);
  unit.ejectMedium();
  return GOOD;
}

export const removalCommands = {
  startStopUnit: {
    /**
     * Stopping flushes and changes nothing else. A unit that stayed stopped after a machine's shutdown could not be booted again:
     * firmware sends no START.
     */
    execute(unit, task: Task) {
      const { powerCondition, loadEject, startMedium, noFlush } = StartStopUnitCdb.view(task.cdb);
      // With a power condition, LOEJ and START are not looked at.
      if (powerCondition !== 0) return GOOD;
      if (unit.removable && loadEject) {
        // Prevention locks the tray, so that nothing goes out nor in.
        if (unit.medium.removalPrevented) return REMOVAL_PREVENTED;
        if (!startMedium) return eject(unit);
        unit.loadMedium(task.nexus);
        return GOOD;
      }
      if (startMedium) return unit.medium.present ? GOOD : MEDIUM_NOT_PRESENT;
      return noFlush ? GOOD : flushUnit(unit);
    },
  },
  preventAllowMediumRemoval: {
    execute(unit, task) {
      const { prevent } = PreventAllowMediumRemovalCdb.view(task.cdb);
      if (prevent > 1) return invalidFieldInCdb(4);
      if (prevent === 1) unit.medium.prevent(task.nexus);
      else unit.medium.allow(task.nexus);
      return GOOD;
    },
  },
} satisfies Record<string, Command>;
