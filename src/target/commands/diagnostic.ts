/** SEND DIAGNOSTIC: the default self-test, which is whether the medium can be read at its two ends (SPC-4). */

import { SendDiagnosticCdb } from '../../scsi/index.ts';
import { GOOD, invalidFieldInCdb } from '../outcome.ts';
import type { Command } from './command.ts';

export const diagnosticCommands = {
  sendDiagnostic: {
    prepare(_unit, task) {
      const cdb = SendDiagnosticCdb.view(task.cdb);
      // Extended self-tests and diagnostic pages do not exist here.
      if (cdb.selfTestCode !== 0) return invalidFieldInCdb(1);
      return cdb.parameterListLength === 0 ? undefined : invalidFieldInCdb(3);
    },
    async execute(unit, task) {
      if (!SendDiagnosticCdb.view(task.cdb).selfTest || !unit.medium.present) return GOOD;
      await unit.device.read(0, unit.blockSize);
      await unit.device.read(unit.device.size - unit.blockSize, unit.blockSize);
      return GOOD;
    },
  },
} satisfies Record<string, Command>;
