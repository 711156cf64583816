/** SANITIZE in its four service actions (SBC-3). */

import { checkSanitizeCdb, SanitizeCdb } from '../../scsi/index.ts';
import { invalidFieldInCdb } from '../outcome.ts';
import type { Command } from './command.ts';

const sanitize: Command = {
  prepare(unit, task) {
    const malformed = checkSanitizeCdb(task.cdb, unit.blockSize);
    if (malformed !== undefined) return invalidFieldInCdb(malformed.byte);
    task.dataOutLength = SanitizeCdb.view(task.cdb).parameterListLength;
    return undefined;
  },
  execute(unit, task) {
    // No abort and no reset ends a sanitize operation: nobody shall wait for it to do so.
    task.outlivesAbort = true;
    const medium = { offset: 0, length: unit.device.size };
    const others = unit.taskSet.tasks().filter((other) => other !== task);
    const whenStill = () => unit.exclusiveRanges.run(medium, others, () => undefined);
    return unit.sanitizer.sanitize(task.cdb, task.parameters(), whenStill);
  },
};

export const sanitizeCommands = {
  sanitizeOverwrite: sanitize,
  sanitizeBlockErase: sanitize,
  sanitizeCryptographicErase: sanitize,
  sanitizeExitFailureMode: sanitize,
} satisfies Record<string, Command>;
