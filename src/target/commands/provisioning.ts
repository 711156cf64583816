/** UNMAP and WRITE SAME (SBC-3). */

import type { Awaitable } from '../../block/device.ts';
import { decodeUnmap, UnmapCdb, WriteSame10Cdb, WriteSame16Cdb, WriteSame32Cdb } from '../../scsi/index.ts';
import type { MediumRange } from '../exclusive-ranges.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import {
  GOOD,
  invalidFieldInCdb,
  invalidFieldInParameterList,
  LBA_OUT_OF_RANGE,
  type Outcome,
  PARAMETER_LIST_LENGTH_ERROR,
} from '../outcome.ts';
import type { Task } from '../task.ts';
import type { Command } from './command.ts';
import { MAXIMUM_UNMAP_DESCRIPTORS } from './inquiry.ts';

/** WRITE SAME writes and gives back at most this much in one step, so that other tasks run between the steps. */
const STEP = 8 << 20;

/** A pattern that is no run of zeros is written from a buffer of this size. */
const PATTERN_BUFFER = 1 << 20;

const isZero = (byte: number): boolean => byte === 0;

/** Lets everything else that is ready run first. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function takeWriteSame(
  unit: LogicalUnit,
  task: Task,
  layout: typeof WriteSame10Cdb | typeof WriteSame16Cdb | typeof WriteSame32Cdb,
  noDataOut: boolean,
): Outcome | undefined {
  const cdb = layout.view(task.cdb);
  // No protection information, no anchored blocks, and no unmapping but where it can be done.
  if (cdb.protect !== 0 || cdb.anchor || (cdb.unmap && !unit.canUnmap)) {
    return invalidFieldInCdb(layout.fields.protect.offset);
  }
  const lba = cdb.logicalBlockAddress;
  if (lba + cdb.numberOfBlocks > unit.blocks || lba > unit.blocks) return LBA_OUT_OF_RANGE;
  // Zero blocks mean all to the end, since WSNZ is 0 in the Block Limits page.
  const blocks = cdb.numberOfBlocks === 0 ? unit.blocks - lba : cdb.numberOfBlocks;
  task.offset = lba * unit.blockSize;
  task.length = blocks * unit.blockSize;
  task.dataOutLength = noDataOut ? 0 : unit.blockSize;
  const offered = task.isWrite ? task.expectedDataTransferLength : 0;
  if (offered !== task.dataOutLength) {
    // One block and nothing else: with more or less, initiator and target disagree about what is to be written.
    return invalidFieldInCdb(layout.fields.numberOfBlocks.offset);
  }
  return undefined;
}

async function writeSame(unit: LogicalUnit, task: Task, unmap: boolean): Promise<Outcome> {
  if (unit.exclusiveRanges.any) await unit.exclusiveRanges.whenFree(task);
  const block = task.parameters();
  // With UNMAP the range is given back whatever the block holds, as LIO and tgt do and as conformance tests expect.
  if (unmap || block.every(isZero)) {
    await clearRange(unit, task, unmap);
    return GOOD;
  }
  const pattern = repeated(block, Math.min(PATTERN_BUFFER, task.length));
  await inSteps(task, pattern.length, (at, length) => unit.changes.write(at, [pattern.subarray(0, length)]));
  unit.counters.write.bytes += task.length;
  return GOOD;
}

/** Makes the task's range read as zeros, given back with `unmap`. */
export async function clearRange({ changes }: LogicalUnit, task: Task, unmap: boolean): Promise<void> {
  await inSteps(task, STEP, (at, length) => (unmap ? changes.unmap(at, length) : changes.writeZeroes(at, length)));
}

async function inSteps(
  task: Task,
  step: number,
  action: (offset: number, length: number) => Awaitable<void>,
): Promise<void> {
  const end = task.offset + task.length;
  for (let at = task.offset; at < end && !task.aborted; at += step) {
    const length = Math.min(step, end - at);
    await action(at, length);
    if (at + length < end) await nextTurn();
  }
}

function repeated(block: Uint8Array, length: number): Uint8Array {
  const result = new Uint8Array(Math.floor(length / block.length) * block.length);
  for (let at = 0; at < result.length; at += block.length) result.set(block, at);
  return result;
}

async function unmapRanges(unit: LogicalUnit, task: Task): Promise<Outcome> {
  if (task.dataOutLength === 0) return GOOD;
  const ranges = decodeUnmap(task.parameters());
  if (ranges === undefined) return PARAMETER_LIST_LENGTH_ERROR;
  if (ranges.length > MAXIMUM_UNMAP_DESCRIPTORS) return invalidFieldInParameterList(2);
  for (const { logicalBlockAddress, numberOfBlocks } of ranges) {
    if (logicalBlockAddress + BigInt(numberOfBlocks) > BigInt(unit.blocks)) return LBA_OUT_OF_RANGE;
  }
  const wanted = ranges
    .filter(({ numberOfBlocks }) => numberOfBlocks > 0)
    .map(({ logicalBlockAddress, numberOfBlocks }) => ({
      offset: Number(logicalBlockAddress) * unit.blockSize,
      length: numberOfBlocks * unit.blockSize,
    }));
  takeExtent(task, wanted);
  if (unit.exclusiveRanges.any) await unit.exclusiveRanges.whenFree(task);
  for (const { offset, length } of wanted) {
    if (task.aborted) break;
    await unit.changes.unmap(offset, length);
  }
  return GOOD;
}

/** Notes what a task is about to change, for those who wait for it: all from the first to the last of its ranges. */
function takeExtent(task: Task, ranges: readonly MediumRange[]): void {
  if (ranges.length === 0) return;
  task.offset = Math.min(...ranges.map(({ offset }) => offset));
  task.length = Math.max(...ranges.map(({ offset, length }) => offset + length)) - task.offset;
}

export const provisioningCommands = {
  writeSame10: {
    prepare: (unit, task) => takeWriteSame(unit, task, WriteSame10Cdb, false),
    execute: (unit, task) => writeSame(unit, task, WriteSame10Cdb.view(task.cdb).unmap),
  },
  writeSame16: {
    prepare: (unit, task) => takeWriteSame(unit, task, WriteSame16Cdb, WriteSame16Cdb.view(task.cdb).noDataOut),
    execute: (unit, task) => writeSame(unit, task, WriteSame16Cdb.view(task.cdb).unmap),
  },
  writeSame32: {
    prepare: (unit, task) => takeWriteSame(unit, task, WriteSame32Cdb, WriteSame32Cdb.view(task.cdb).noDataOut),
    execute: (unit, task) => writeSame(unit, task, WriteSame32Cdb.view(task.cdb).unmap),
  },
  unmap: {
    prepare(_unit, task) {
      const cdb = UnmapCdb.view(task.cdb);
      if (cdb.anchor) return invalidFieldInCdb(1);
      // A list shorter than its header is an error, none at all is nothing to do.
      if (cdb.parameterListLength > 0 && cdb.parameterListLength < 8) return PARAMETER_LIST_LENGTH_ERROR;
      task.dataOutLength = cdb.parameterListLength;
      return undefined;
    },
    execute: unmapRanges,
  },
} satisfies Record<string, Command>;
