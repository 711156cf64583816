/**
 * COMPARE AND WRITE, ORWRITE and WRITE ATOMIC(16): what no other write may come between (SBC-3, SBC-4).
 *
 * WRITE ATOMIC is one write of the device, apart from all other commands. Through a power cut it is as whole as the device's own
 * writes are.
 */

import {
  AdditionalSense,
  CompareAndWriteCdb,
  OrWrite32Cdb,
  SenseKey,
  Transfer16Cdb,
  WriteAtomic16Cdb,
} from '../../scsi/index.ts';
import { firstDifference } from '../buffers.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { checkCondition, GOOD, invalidFieldInCdb, type Outcome } from '../outcome.ts';
import type { Task } from '../task.ts';
import { takeLongRange, takeRange } from './block-range.ts';
import type { Command } from './command.ts';
import { writeDevice } from './transfer.ts';

/** WRITE ATOMIC(16) takes at most this much. */
export const MAXIMUM_ATOMIC_BYTES = 1 << 20;

/** NUMBER OF LOGICAL BLOCKS of COMPARE AND WRITE is one byte. */
export const MAXIMUM_COMPARE_AND_WRITE_BLOCKS = 255;

/** Where the fields are in the CDBs. */
const Place = { protect: 1, logicalBlockAddress: 2, atomicBoundary: 10, atomicLength: 12, compareBlocks: 13 };

function exclusively(work: (unit: LogicalUnit, task: Task) => Promise<Outcome>): Command['execute'] {
  return (unit, task) => unit.exclusiveRanges.run(task, unit.taskSet.tasks(), () => work(unit, task));
}

async function readRange(unit: LogicalUnit, task: Task): Promise<Buffer> {
  return Buffer.concat(await unit.device.read(task.offset, task.length));
}

async function compareAndWrite(unit: LogicalUnit, task: Task): Promise<Outcome> {
  if (task.length === 0) return GOOD;
  const data = task.parameters();
  const [expected, replacement] = [data.subarray(0, task.length), data.subarray(task.length)];
  const mismatch = firstDifference(await readRange(unit, task), expected, 0);
  if (mismatch >= 0) {
    return checkCondition(SenseKey.miscompare, AdditionalSense.miscompareDuringVerifyOperation, {
      information: BigInt(mismatch),
    });
  }
  return writeDevice(unit, task, [replacement], task.length);
}

async function orWrite(unit: LogicalUnit, task: Task): Promise<Outcome> {
  const whole = task.dataOutReceived - (task.dataOutReceived % unit.blockSize);
  if (whole === 0) return GOOD;
  task.length = whole;
  const result = await readRange(unit, task);
  const mask = task.parameters();
  for (let at = 0; at < whole; at++) result[at] = (result[at] ?? 0) | (mask[at] ?? 0);
  return writeDevice(unit, task, [result], whole);
}

const GENERATION_DOES_NOT_MATCH = checkCondition(
  SenseKey.illegalRequest,
  AdditionalSense.orwriteGenerationDoesNotMatch,
);

/**
 * ORWRITE(32) sets bits for those who agree on the generation of the bitmap. It is 0, as after each power on: to start another one
 * (BMOP 001b) is not offered.
 */
function takeOrWrite32(unit: LogicalUnit, task: Task): Outcome | undefined {
  const cdb = OrWrite32Cdb.view(task.cdb);
  const { bitmapOperation, protect, transferLength } = OrWrite32Cdb.fields;
  if (cdb.bitmapOperation !== 0) return invalidFieldInCdb(bitmapOperation.offset);
  if (cdb.protect !== 0) return invalidFieldInCdb(protect.offset);
  if (cdb.expectedGeneration !== 0) return GENERATION_DOES_NOT_MATCH;
  task.forceUnitAccess = cdb.forceUnitAccess;
  const failure = takeRange(unit, task, cdb.logicalBlockAddress, cdb.transferLength, transferLength.offset);
  if (failure === undefined) task.dataOutLength = task.length;
  return failure;
}

/** Atomic writes are of whole physical blocks. */
export function atomicGranularity(unit: LogicalUnit): number {
  return unit.device.physicalBlockSize / unit.blockSize;
}

function takeAtomicRange(unit: LogicalUnit, task: Task): Outcome | undefined {
  const cdb = WriteAtomic16Cdb.view(task.cdb);
  if (cdb.protect !== 0) return invalidFieldInCdb(Place.protect);
  // No boundary is kept within a write: it is whole or it is not there.
  if (cdb.atomicBoundary !== 0) return invalidFieldInCdb(Place.atomicBoundary);
  const { logicalBlockAddress, transferLength } = cdb;
  const failure = takeRange(unit, task, logicalBlockAddress, transferLength, Place.atomicLength);
  if (failure !== undefined) return failure;
  const granularity = atomicGranularity(unit);
  if (logicalBlockAddress % granularity !== 0) return invalidFieldInCdb(Place.logicalBlockAddress);
  if (transferLength % granularity !== 0) return invalidFieldInCdb(Place.atomicLength);
  if (task.length > MAXIMUM_ATOMIC_BYTES) return invalidFieldInCdb(Place.atomicLength);
  task.forceUnitAccess = cdb.forceUnitAccess;
  task.dataOutLength = task.length;
  return wholeDataOnly(task, Place.atomicLength);
}

/** A half that is missing cannot be compared, nor a part of a write be the whole of it. */
function wholeDataOnly(task: Task, lengthByte: number): Outcome | undefined {
  const offered = task.isWrite ? task.expectedDataTransferLength : 0;
  return offered === task.dataOutLength ? undefined : invalidFieldInCdb(lengthByte);
}

export const atomicCommands = {
  compareAndWrite: {
    prepare(unit, task) {
      const cdb = CompareAndWriteCdb.view(task.cdb);
      if (cdb.protect !== 0) return invalidFieldInCdb(Place.protect);
      const failure = takeRange(unit, task, cdb.logicalBlockAddress, cdb.numberOfBlocks, Place.compareBlocks);
      if (failure !== undefined) return failure;
      task.forceUnitAccess = cdb.forceUnitAccess;
      task.dataOutLength = 2 * task.length;
      return wholeDataOnly(task, Place.compareBlocks);
    },
    execute: exclusively(compareAndWrite),
  },
  orWrite16: {
    prepare(unit, task) {
      const failure = takeLongRange(Transfer16Cdb, unit, task);
      if (failure === undefined) task.dataOutLength = task.length;
      return failure;
    },
    execute: exclusively(orWrite),
  },
  orWrite32: { prepare: takeOrWrite32, execute: exclusively(orWrite) },
  writeAtomic16: {
    prepare: takeAtomicRange,
    execute: exclusively(async (unit, task) =>
      task.length === 0 ? GOOD : writeDevice(unit, task, task.dataOut, task.length),
    ),
  },
} satisfies Record<string, Command>;
