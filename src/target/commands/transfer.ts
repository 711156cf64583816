/** READ and WRITE in their forms of 6, 10, 12, 16 and 32 bytes (SBC-3). */

import type { Awaitable, WriteOptions } from '../../block/device.ts';
import { Transfer10Cdb, Transfer12Cdb, Transfer16Cdb, Transfer32Cdb } from '../../scsi/index.ts';
import { takeBytes } from '../buffers.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { GOOD, type Outcome } from '../outcome.ts';
import type { Task } from '../task.ts';
import { type LongCdb, takeLongRange, takeRange6 } from './block-range.ts';
import type { Command } from './command.ts';

/** A long read is fetched in pieces of this size, each when the one before has left: a bound on memory. */
export const READ_PIECE = 1 << 20;

const durable: WriteOptions = { fua: true };

/**
 * FUA asks a read for the medium's copy. Devices here never answer from anything older than their last acknowledged write, so
 * there is nothing more to do for it.
 */
function executeRead(unit: LogicalUnit, task: Task): Awaitable<Outcome> {
  task.dataInLength = task.length;
  if (task.length === 0) return GOOD;
  // More than the initiator takes is not read: the residual count says what is missing (RFC 7143 §11.4.5.2).
  const wanted = Math.min(task.length, unit.wholeBlocksOf(task.expectedDataTransferLength));
  const piece = Math.min(wanted, READ_PIECE);
  task.dataInPending = wanted - piece;
  const data = unit.device.read(task.offset, piece);
  task.offset += piece;
  unit.counters.read.bytes += wanted;
  if (data instanceof Promise) return data.then((later) => answerRead(task, later));
  return answerRead(task, data);
}

function answerRead(task: Task, data: readonly Uint8Array[]): Outcome {
  task.dataIn = data;
  return GOOD;
}

/** Writes what has come, durably when the task asks for it. */
export function executeWrite(unit: LogicalUnit, task: Task): Awaitable<Outcome> {
  // An initiator that promised less than the CDB asks for gets whole blocks written, and a residual count.
  const whole = task.dataOutReceived - (task.dataOutReceived % unit.blockSize);
  if (whole === 0) return GOOD;
  const data = whole === task.dataOutReceived ? task.dataOut : takeBytes(task.dataOut, whole);
  if (unit.exclusiveRanges.any)
    return unit.exclusiveRanges.whenFree(task).then(() => writeDevice(unit, task, data, whole));
  return writeDevice(unit, task, data, whole);
}

/** Writes `length` bytes at the task's offset. */
export function writeDevice(
  unit: LogicalUnit,
  task: Task,
  data: readonly Uint8Array[],
  length: number,
): Awaitable<Outcome> {
  unit.counters.write.bytes += length;
  const done = unit.changes.write(task.offset, data, task.forceUnitAccess ? durable : undefined);
  return done instanceof Promise ? done.then(good) : GOOD;
}

function good(): Outcome {
  return GOOD;
}

function readCommand(layout: LongCdb): Command {
  return { prepare: (unit, task) => takeLongRange(layout, unit, task), execute: executeRead };
}

function writeCommand(layout: LongCdb): Command {
  return {
    prepare(unit, task) {
      const failure = takeLongRange(layout, unit, task);
      if (failure === undefined) task.dataOutLength = task.length;
      return failure;
    },
    execute: executeWrite,
  };
}

export const transferCommands = {
  read6: { prepare: takeRange6, execute: executeRead },
  read10: readCommand(Transfer10Cdb),
  read12: readCommand(Transfer12Cdb),
  read16: readCommand(Transfer16Cdb),
  read32: readCommand(Transfer32Cdb),
  write6: {
    prepare(unit, task) {
      const failure = takeRange6(unit, task);
      if (failure === undefined) task.dataOutLength = task.length;
      return failure;
    },
    execute: executeWrite,
  },
  write10: writeCommand(Transfer10Cdb),
  write12: writeCommand(Transfer12Cdb),
  write16: writeCommand(Transfer16Cdb),
  write32: writeCommand(Transfer32Cdb),
} satisfies Record<string, Command>;
