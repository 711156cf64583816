/** FastAbort: tasks end without waiting for their data, and who does not know is told (RFC 7143 §4.2.3.4, §4.2.3.5). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import {
  AsyncEvent,
  AsyncMessage,
  NopIn,
  NopOut,
  ReadyToTransfer,
  TaskManagementFunction,
  TaskManagementResponseCode,
} from '../../src/iscsi/pdu.ts';
import {
  AdditionalSense,
  decodeLun,
  decodeSense,
  Status,
  TestUnitReadyCdb,
  Transfer10Cdb,
} from '../../src/scsi/index.ts';
import type { RawInitiator } from './raw-initiator.ts';
import { serveTarget } from './served-target.ts';
import { join, open, several } from './several-connections.ts';

const BLOCK = 512;
const { functionComplete } = TaskManagementResponseCode;
const testUnitReady = TestUnitReadyCdb.encode({ operationCode: 0x00 });
const write = Transfer10Cdb.encode({ operationCode: 0x2a, transferLength: 1 });
const fast = { ...several, ImmediateData: 'No', TaskReporting: 'FastAbort,ResponseFence,RFC3720' };
const standard = { ...several, ImmediateData: 'No' };

/** A WRITE for which the target waits. */
async function startWrite(initiator: RawInitiator, lun = 0): Promise<{ tag: number; targetTransferTag: number }> {
  const tag = initiator.command(write, { direction: 'write', length: BLOCK, lun });
  const { targetTransferTag } = ReadyToTransfer.view((await initiator.expect(Opcode.readyToTransfer)).header);
  return { tag, targetTransferTag };
}

function sendData(
  initiator: RawInitiator,
  { tag, targetTransferTag }: { tag: number; targetTransferTag: number },
): void {
  initiator.dataOut(tag, new Uint8Array(BLOCK).fill(9), { targetTransferTag, dataSN: 0, bufferOffset: 0, final: true });
}

/** The next PDU, which must say that the tasks of a unit are being ended; acknowledged as it must be (RFC 7143 §11.9.1). */
async function expectTermination(initiator: RawInitiator): Promise<number | undefined> {
  const message = AsyncMessage.view((await initiator.expect(Opcode.asyncMessage)).header);
  assert.equal(message.asyncEvent, AsyncEvent.taskTermination);
  initiator.expStatSN = message.statSN + 1;
  const { lun } = message;
  const tags = { initiatorTaskTag: RESERVED_TAG, targetTransferTag: RESERVED_TAG };
  const numbers = { cmdSN: initiator.cmdSN, expStatSN: initiator.expStatSN };
  initiator.send(NopOut.encode({ opcode: Opcode.nopOut, immediate: true, final: true, lun, ...tags, ...numbers }));
  return decodeLun(lun);
}

async function answersPing(initiator: RawInitiator): Promise<void> {
  const tag = initiator.ping();
  for (;;) {
    const { initiatorTaskTag } = NopIn.view((await initiator.expect(Opcode.nopIn)).header);
    if (initiatorTaskTag === tag) return;
    assert.equal(initiatorTaskTag, RESERVED_TAG, 'only the news that there is room again may come before');
  }
}

async function senseCodeOf(initiator: RawInitiator): Promise<number | undefined> {
  return decodeSense((await initiator.run(testUnitReady)).sense)?.code;
}

test('nobody waits for the data of ended tasks; what still comes is taken and forgotten (RFC 7143 §4.2.3.4 c)', async () => {
  const device = new MemoryDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const initiator = await open(served, fast);
  assert.equal(served.portal.sessions[0]?.parameters.taskReporting, 'FastAbort');
  const ended = await startWrite(initiator);
  initiator.manage(TaskManagementFunction.abortTaskSet);
  assert.equal((await initiator.managed()).response, functionComplete);
  sendData(initiator, ended);
  assert.equal((await initiator.run(testUnitReady)).status, Status.good);
  assert.ok(device.read(0, BLOCK).every((part) => part.every((byte) => byte === 0)));
});

test('the other connections of the session are told, the one that asked is not (RFC 7143 §4.2.3.4 d.2)', async () => {
  await using served = await serveTarget();
  const first = await open(served, fast);
  const second = await join(served, first, 2);
  const third = await join(served, first, 3);
  first.acknowledges = true;
  second.acknowledges = true;
  third.acknowledges = true;
  await startWrite(first);
  second.cmdSN = first.cmdSN;
  const ended = await startWrite(second);
  first.cmdSN = second.cmdSN;
  first.manage(TaskManagementFunction.logicalUnitReset);
  assert.equal(await expectTermination(second), 0);
  assert.equal((await first.managed()).response, functionComplete);
  sendData(second, ended);
  await answersPing(second);
  await answersPing(third);
});

test('initiators of other sessions are told where they have negotiated it, and only there (RFC 7143 §4.2.3.4 d.1, §4.2.3.5)', async () => {
  for (const issuer of [fast, standard]) {
    await using served = await serveTarget();
    const one = await open(served, issuer, '800000000001');
    const fastOther = await open(served, fast, '800000000002');
    const standardOther = await open(served, standard, '800000000003');
    const idle = await open(served, fast, '800000000004');
    for (const initiator of [fastOther, standardOther]) await startWrite(initiator);
    one.manage(TaskManagementFunction.clearTaskSet);
    assert.equal((await one.managed()).response, functionComplete);
    assert.equal(await expectTermination(fastOther), 0);
    const cleared = AdditionalSense.commandsClearedByAnotherInitiator;
    assert.deepEqual(await Promise.all([fastOther, standardOther, idle].map(senseCodeOf)), [
      cleared,
      cleared,
      undefined,
    ]);
  }
});

test('each unit whose tasks are ended is named once (RFC 7143 §4.2.3.4 d)', async () => {
  const units = new Map([0, 1, 2].map((lun) => [lun, new MemoryDevice(8 * BLOCK)] as const));
  await using served = await serveTarget({ units });
  const one = await open(served, standard, '800000000001');
  const other = await open(served, fast, '800000000002');
  for (const lun of [0, 1, 1]) await startWrite(other, lun);
  one.manage(TaskManagementFunction.targetWarmReset);
  assert.equal((await one.managed()).response, functionComplete);
  const named = [await expectTermination(other), await expectTermination(other)];
  assert.deepEqual(named.toSorted(), [0, 1]);
  await answersPing(other);
});
