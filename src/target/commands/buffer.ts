/** READ BUFFER and WRITE BUFFER (SPC-4, SPC-5). */

import { ReadBuffer10Cdb, ReadBuffer16Cdb, WriteBufferCdb } from '../../scsi/index.ts';
import { answerWith, type Command } from './command.ts';

export const bufferCommands = {
  readBuffer10: { execute: (unit, task) => answerWith(task, unit.dataBuffers.read(ReadBuffer10Cdb, task.cdb)) },
  readBuffer16: { execute: (unit, task) => answerWith(task, unit.dataBuffers.read(ReadBuffer16Cdb, task.cdb)) },
  writeBuffer: {
    prepare(unit, task) {
      const failure = unit.dataBuffers.checkWrite(task.cdb);
      if (failure === undefined) task.dataOutLength = WriteBufferCdb.view(task.cdb).parameterListLength;
      return failure;
    },
    execute: (unit, task) => unit.dataBuffers.write(task.cdb, task.parameters()),
  },
} satisfies Record<string, Command>;
