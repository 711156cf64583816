/** READ BUFFER(10) and WRITE BUFFER (SPC-4 §6.24, §6.49). */

import { WriteBufferCdb } from '../../scsi/index.ts';
import { answerWith, type Command } from './command.ts';

export const bufferCommands = {
  readBuffer10: { execute: (unit, task) => answerWith(task, unit.dataBuffers.read(task.cdb)) },
  writeBuffer: {
    prepare(unit, task) {
      const failure = unit.dataBuffers.checkWrite(task.cdb);
      if (failure === undefined) task.dataOutLength = WriteBufferCdb.view(task.cdb).parameterListLength;
      return failure;
    },
    execute: (unit, task) => unit.dataBuffers.write(task.cdb, task.parameters()),
  },
} satisfies Record<string, Command>;
