/** VERIFY, WRITE AND VERIFY and PRE-FETCH: what reads the medium for its own sake (SBC-3). */

import {
  AdditionalSense,
  PreFetch10Cdb,
  PreFetch16Cdb,
  SenseKey,
  Transfer10Cdb,
  Transfer12Cdb,
  Transfer16Cdb,
  Transfer32Cdb,
} from '../../scsi/index.ts';
import { firstDifference } from '../buffers.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { checkCondition, GOOD, invalidFieldInCdb, LBA_OUT_OF_RANGE, type Outcome } from '../outcome.ts';
import type { Task } from '../task.ts';
import { type LongCdb, takeLongRange } from './block-range.ts';
import type { Command } from './command.ts';
import { executeWrite, READ_PIECE } from './transfer.ts';

/** PRE-FETCH brings at most this much into the caches below: "all to the end" must not mean reading a whole disk. */
const PRE_FETCH_LIMIT = 16 << 20;

/** BYTCHK: whether data comes to be compared, and how much. */
const ByteCheck = { none: 0, all: 1, oneBlock: 3 } as const;

function verifyCommand(layout: LongCdb): Command {
  return {
    prepare(unit, task) {
      const failure = takeLongRange(layout, unit, task);
      if (failure !== undefined) return failure;
      const { byteCheck } = layout.view(task.cdb);
      if (byteCheck === 2) return invalidFieldInCdb(layout.fields.byteCheck.offset);
      if (byteCheck === ByteCheck.all) task.dataOutLength = task.length;
      if (byteCheck === ByteCheck.oneBlock && task.length > 0) task.dataOutLength = unit.blockSize;
      return undefined;
    },
    execute(unit, task) {
      if (task.length === 0) return GOOD;
      // Without data to compare, the medium is asked whether it can be read.
      const expected = task.dataOutLength === 0 ? undefined : task.parameters();
      const repeats = layout.view(task.cdb).byteCheck === ByteCheck.oneBlock;
      // An initiator that sends less than the CDB asks for has that much compared, and a residual count.
      const length = expected === undefined || repeats ? task.length : Math.min(task.length, expected.length);
      return compareMedium(unit, task, expected, length);
    },
  };
}

/** Reads `length` bytes of the task's range, and compares them with `expected`, which repeats, if it is given. */
async function compareMedium(
  unit: LogicalUnit,
  task: Task,
  expected: Uint8Array | undefined,
  length: number,
): Promise<Outcome> {
  for (let done = 0; done < length && !task.aborted; done += READ_PIECE) {
    const wanted = Math.min(READ_PIECE, length - done);
    const medium = Buffer.concat(await unit.device.read(task.offset + done, unit.wholeBlocksOf(wanted)));
    unit.counters.verify.bytes += wanted;
    const mismatch = expected === undefined ? -1 : firstDifference(medium.subarray(0, wanted), expected, done);
    if (mismatch < 0) continue;
    return checkCondition(SenseKey.miscompare, AdditionalSense.miscompareDuringVerifyOperation, {
      information: BigInt(done + mismatch),
    });
  }
  return GOOD;
}

/**
 * Writes durably and compares what the medium then holds with what was to be written. BYTCHK=0 would be content with the medium
 * being readable; the comparison costs nothing more.
 */
function writeAndVerify(layout: LongCdb): Command {
  return {
    prepare(unit, task) {
      const failure = takeLongRange(layout, unit, task);
      if (failure !== undefined) return failure;
      if (layout.view(task.cdb).byteCheck > ByteCheck.all) return invalidFieldInCdb(layout.fields.byteCheck.offset);
      task.forceUnitAccess = true;
      task.dataOutLength = task.length;
      return undefined;
    },
    async execute(unit, task) {
      const written = await executeWrite(unit, task);
      if (written !== GOOD || task.dataOutReceived === 0) return written;
      const whole = task.dataOutReceived - (task.dataOutReceived % unit.blockSize);
      return compareMedium(unit, task, task.parameters().subarray(0, whole), whole);
    },
  };
}

function preFetch(layout: typeof PreFetch10Cdb | typeof PreFetch16Cdb): Command {
  return {
    prepare(unit, task) {
      const { logicalBlockAddress: lba, preFetchLength } = layout.view(task.cdb);
      if (lba > unit.blocks || lba + preFetchLength > unit.blocks) return LBA_OUT_OF_RANGE;
      const blocks = preFetchLength === 0 ? unit.blocks - lba : preFetchLength;
      task.offset = lba * unit.blockSize;
      task.length = Math.min(blocks * unit.blockSize, PRE_FETCH_LIMIT);
      return undefined;
    },
    // GOOD, not CONDITION MET: nobody here knows whether the caches below will keep it all.
    execute: (unit, task) => (task.length === 0 ? GOOD : compareMedium(unit, task, undefined, task.length)),
  };
}

export const verifyCommands = {
  verify10: verifyCommand(Transfer10Cdb),
  verify12: verifyCommand(Transfer12Cdb),
  verify16: verifyCommand(Transfer16Cdb),
  verify32: verifyCommand(Transfer32Cdb),
  writeAndVerify10: writeAndVerify(Transfer10Cdb),
  writeAndVerify12: writeAndVerify(Transfer12Cdb),
  writeAndVerify16: writeAndVerify(Transfer16Cdb),
  writeAndVerify32: writeAndVerify(Transfer32Cdb),
  preFetch10: preFetch(PreFetch10Cdb),
  preFetch16: preFetch(PreFetch16Cdb),
} satisfies Record<string, Command>;
