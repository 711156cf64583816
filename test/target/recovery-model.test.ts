/**
 * Connections that are cut at any time, under ErrorRecoveryLevel 2: no acknowledged WRITE is lost, no command runs twice, every task
 * ends with its own answer, and no other's comes (RFC 7143 §7.2.2, §7.14).
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { Opcode } from '../../src/iscsi/opcode.ts';
import {
  BasicHeader,
  ReadyToTransfer,
  ScsiResponse,
  TaskManagementFunction,
  TaskManagementResponse,
  TaskManagementResponseCode,
} from '../../src/iscsi/pdu.ts';
import { Status, Transfer10Cdb } from '../../src/scsi/index.ts';
import type { RawInitiator } from './raw-initiator.ts';
import { type ServedTarget, serveTarget, TARGET } from './served-target.ts';

const BLOCK = 512;
const LENGTH = 4 * BLOCK;

/** Counts how often each block was written. */
class CountingDevice extends MemoryDevice {
  readonly writes = new Map<number, number>();

  override write(offset: number, data: readonly Uint8Array[]): void {
    this.writes.set(offset, (this.writes.get(offset) ?? 0) + 1);
    super.write(offset, data);
  }
}

interface Write {
  readonly tag: number;
  readonly cmdSN: number;
  readonly block: number;
  readonly data: Uint8Array;
  /** R2Ts that have come for it. */
  expR2TSN: number;
  done: boolean;
}

const keys = { ErrorRecoveryLevel: '2', ImmediateData: 'No', DefaultTime2Retain: '20' };

async function connect(served: ServedTarget, tsih: number, cmdSN: number): Promise<RawInitiator> {
  const initiator = await served.connect();
  initiator.cmdSN = cmdSN;
  await initiator.login({ targetName: TARGET, tsih, keys: tsih === 0 ? keys : {} });
  return initiator;
}

function send(initiator: RawInitiator, { tag, cmdSN, block }: Write): void {
  const cdb = Transfer10Cdb.encode({ operationCode: 0x2a, logicalBlockAddress: block, transferLength: 4 });
  initiator.command(cdb, { direction: 'write', length: LENGTH, initiatorTaskTag: tag, cmdSN });
}

/** Takes at most `budget` PDUs; undefined when all is done, else cuts the line. */
async function work(initiator: RawInitiator, writes: readonly Write[], budget: number): Promise<void> {
  for (let taken = 0; taken < budget && writes.some(({ done }) => !done); taken++) {
    const pdu = await initiator.next();
    assert.ok(pdu !== undefined, 'the target ends no connection');
    const { opcode, initiatorTaskTag } = BasicHeader.view(pdu.header);
    const write = writes.find(({ tag }) => tag === initiatorTaskTag);
    assert.ok(write !== undefined && !write.done, 'an answer to a task that waits for one');
    if (opcode === Opcode.readyToTransfer) {
      const r2t = ReadyToTransfer.view(pdu.header);
      write.expR2TSN = r2t.r2tSN + 1;
      initiator.sendSequence(
        write.tag,
        write.data,
        r2t.targetTransferTag,
        r2t.bufferOffset,
        r2t.desiredDataTransferLength,
        BLOCK,
      );
    } else {
      assert.equal(opcode, Opcode.scsiResponse);
      const response = ScsiResponse.view(pdu.header);
      assert.equal(response.status, Status.good);
      initiator.expStatSN = (response.statSN + 1) >>> 0;
      write.done = true;
    }
  }
}

/** Reassigns what the target knows, and sends again what it never got. */
async function resume(initiator: RawInitiator, writes: readonly Write[]): Promise<void> {
  for (const write of writes) {
    if (write.done) continue;
    initiator.manage(TaskManagementFunction.taskReassign, {
      referencedTaskTag: write.tag,
      expDataSN: write.expR2TSN,
    });
    const { response } = TaskManagementResponse.view(
      (await nextOf(initiator, Opcode.taskManagementResponse, writes)).header,
    );
    if (response === TaskManagementResponseCode.taskDoesNotExist) send(initiator, write);
    else assert.equal(response, TaskManagementResponseCode.functionComplete);
  }
}

/** The next PDU of an opcode; what comes before it is worked on. */
async function nextOf(initiator: RawInitiator, opcode: number, writes: readonly Write[]) {
  for (;;) {
    const pdu = await initiator.next();
    assert.ok(pdu !== undefined);
    if (BasicHeader.view(pdu.header).opcode === opcode) return pdu;
    initiator.pushBack(pdu);
    await work(initiator, writes, 1);
  }
}

test('whatever is cut, every WRITE is done once and answered once', async () => {
  const budgets = fc.array(fc.nat(12), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 8 }), budgets, fc.nat(4), async (count, cuts, turns) => {
      const device = new CountingDevice(64 * BLOCK);
      await using served = await serveTarget({ device });
      const writes: Write[] = Array.from({ length: count }, (_, index) => ({
        tag: 100 + index,
        cmdSN: 1 + index,
        block: index * 4,
        data: new Uint8Array(LENGTH).fill(index + 1),
        expR2TSN: 0,
        done: false,
      }));
      let initiator = await connect(served, 0, 1);
      const { tsih } = initiator;
      for (const write of writes) send(initiator, write);
      for (const budget of cuts) {
        await work(initiator, writes, budget);
        for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
        initiator.tcp.destroy();
        initiator = await connect(served, tsih, 1 + count);
        await resume(initiator, writes);
      }
      await work(initiator, writes, Number.POSITIVE_INFINITY);
      for (const { block, data } of writes) {
        assert.deepEqual(Buffer.concat(device.read(block * BLOCK, LENGTH)), Buffer.from(data));
        assert.equal(device.writes.get(block * BLOCK), 1, 'written once');
      }
    }),
    { numRuns: 60 },
  );
});
