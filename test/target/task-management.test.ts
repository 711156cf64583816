/** Task management functions: which tasks end, in which order, and who is told (RFC 7143 §4.2.3, §11.5, §11.6). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { Opcode } from '../../src/iscsi/opcode.ts';
import {
  BasicHeader,
  LogoutReason,
  NopIn,
  ReadyToTransfer,
  RejectReason,
  TaskManagementFunction,
  TaskManagementResponseCode,
} from '../../src/iscsi/pdu.ts';
import { decodeSense, Status, TestUnitReadyCdb, Transfer10Cdb } from '../../src/scsi/index.ts';
import { HeldDevice } from './held-device.ts';
import type { RawInitiator } from './raw-initiator.ts';
import { type ServedTarget, serveTarget } from './served-target.ts';
import { join, open, several } from './several-connections.ts';

const BLOCK = 512;
const { functionComplete, taskDoesNotExist, lunDoesNotExist, functionRejected } = TaskManagementResponseCode;
const testUnitReady = TestUnitReadyCdb.encode({ operationCode: 0x00 });
const write = (lba = 0) => Transfer10Cdb.encode({ operationCode: 0x2a, logicalBlockAddress: lba, transferLength: 1 });
const none = new Uint8Array(48);
const solicited = { ImmediateData: 'No' };

/** Everything that the target has to say to what was sent so far is said before the answer to this. */
async function nothingBeforePing(initiator: RawInitiator): Promise<void> {
  const tag = initiator.ping();
  assert.equal(NopIn.view((await initiator.expect(Opcode.nopIn)).header).initiatorTaskTag, tag);
}

/** Of several connections, all of which acknowledge what they have got when they are asked. */
async function openAcknowledging(served: ServedTarget): Promise<RawInitiator> {
  const initiator = await open(served, { ...several, ...solicited });
  initiator.acknowledges = true;
  return initiator;
}

/** A WRITE for which the target waits: gives its tag and that of its R2T. */
async function startWrite(initiator: RawInitiator, options = {}): Promise<{ tag: number; targetTransferTag: number }> {
  const tag = initiator.command(write(), { direction: 'write', length: BLOCK, ...options });
  const { targetTransferTag } = ReadyToTransfer.view((await initiator.expect(Opcode.readyToTransfer)).header);
  return { tag, targetTransferTag };
}

function sendData(
  initiator: RawInitiator,
  { tag, targetTransferTag }: { tag: number; targetTransferTag: number },
): void {
  initiator.dataOut(tag, new Uint8Array(BLOCK).fill(9), { targetTransferTag, dataSN: 0, bufferOffset: 0, final: true });
}

function isBlank(device: MemoryDevice): boolean {
  return device.read(0, device.size).every((part) => part.every((byte) => byte === 0));
}

test('ABORT TASK of a command that has not come counts it as received, and it never runs (RFC 7143 §11.6.1 b)', async () => {
  const device = new MemoryDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const initiator = await open(served);
  const missing = initiator.cmdSN;
  const referencedTaskTag = initiator.newTag();
  const early = initiator.command(testUnitReady, { cmdSN: missing + 1 });
  await nothingBeforePing(initiator);
  initiator.cmdSN = missing + 2;
  initiator.manage(TaskManagementFunction.abortTask, { referencedTaskTag, refCmdSN: missing });
  // What waited behind the hole runs before the answer: all in their order.
  assert.equal((await initiator.result(early)).status, Status.good);
  const { response, expCmdSN } = await initiator.managed();
  assert.deepEqual([response, expCmdSN], [functionComplete, missing + 2]);
  initiator.command(write(), {
    direction: 'write',
    length: BLOCK,
    immediateData: new Uint8Array(BLOCK).fill(9),
    initiatorTaskTag: referencedTaskTag,
    cmdSN: missing,
  });
  assert.equal((await initiator.run(testUnitReady)).status, Status.good, 'the session goes on');
  assert.ok(isBlank(device), 'the late command was ignored');
});

test('ABORT TASK of a command that came too early takes it back (RFC 7143 §11.6.1 b)', async () => {
  const device = new MemoryDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const initiator = await open(served);
  const due = initiator.cmdSN;
  const immediateData = new Uint8Array(BLOCK).fill(9);
  const early = initiator.command(write(), { direction: 'write', length: BLOCK, immediateData, cmdSN: due + 1 });
  const options = { refCmdSN: due + 1, cmdSN: due + 2 };
  initiator.manage(TaskManagementFunction.abortTask, { ...options, referencedTaskTag: early + 1000 });
  assert.equal((await initiator.managed()).response, taskDoesNotExist, 'another task has that number');
  initiator.manage(TaskManagementFunction.abortTask, { ...options, referencedTaskTag: early });
  assert.equal((await initiator.managed()).response, functionComplete);
  assert.equal((await initiator.run(testUnitReady)).status, Status.good);
  initiator.cmdSN = due + 2;
  assert.equal((await initiator.run(testUnitReady)).status, Status.good);
  assert.ok(isBlank(device));
});

test('ABORT TASK of a number that cannot come any more, or not before it: the task does not exist (RFC 7143 §11.6.1 c)', async () => {
  await using served = await serveTarget();
  const initiator = await open(served);
  assert.equal((await initiator.run(testUnitReady)).status, Status.good);
  const current = initiator.cmdSN;
  for (const refCmdSN of [current - 1, current, current + 1, current + 5000, 0, 0xffff_ffff]) {
    initiator.manage(TaskManagementFunction.abortTask, { referencedTaskTag: 4711, refCmdSN });
    assert.equal((await initiator.managed()).response, taskDoesNotExist, `RefCmdSN ${refCmdSN}`);
  }
  assert.equal((await initiator.run(testUnitReady)).status, Status.good);
});

test('neither ABORT TASK nor TASK REASSIGN touches a task management request (RFC 7143 §11.5.1)', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const initiator = await open(served, { ErrorRecoveryLevel: '2', DefaultTime2Retain: '20' });
  initiator.command(write(), { direction: 'write', length: BLOCK, immediateData: new Uint8Array(BLOCK) });
  await device.holding(1);
  const reset = initiator.manage(TaskManagementFunction.logicalUnitReset);
  for (const fn of [TaskManagementFunction.abortTask, TaskManagementFunction.taskReassign]) {
    initiator.manage(fn, { referencedTaskTag: reset });
    assert.equal((await initiator.managed()).response, functionRejected);
  }
  device.releaseAll();
  const { response, initiatorTaskTag } = await initiator.managed();
  assert.deepEqual([response, initiatorTaskTag], [functionComplete, reset]);
});

test('ABORT TASK comes on the connection of its task, as long as that is there (RFC 7143 §11.5.1)', async () => {
  await using served = await serveTarget();
  const first = await open(served, { ...several, ...solicited });
  const second = await join(served, first, 2);
  const { tag } = await startWrite(first);
  second.cmdSN = first.cmdSN;
  second.manage(TaskManagementFunction.abortTask, { referencedTaskTag: tag });
  assert.equal((await second.managed()).response, functionRejected);
  first.manage(TaskManagementFunction.abortTask, { referencedTaskTag: tag });
  assert.equal((await first.managed()).response, functionComplete);
});

test('ABORT TASK after its connection was lost gives the status again, then its own answer (RFC 7143 §11.5.1)', async () => {
  await using served = await serveTarget();
  const first = await open(served, { ...several, ErrorRecoveryLevel: '2', DefaultTime2Retain: '20' });
  const second = await join(served, first, 2);
  const tag = first.command(testUnitReady);
  await first.expect(Opcode.scsiResponse);
  second.cmdSN = first.cmdSN;
  first.tcp.destroy();
  await second.expect(Opcode.asyncMessage);
  second.logout(LogoutReason.removeConnectionForRecovery, 1);
  await second.expect(Opcode.logoutResponse);
  second.manage(TaskManagementFunction.abortTask, { referencedTaskTag: tag });
  assert.equal((await second.result(tag)).status, Status.good);
  assert.equal((await second.managed()).response, functionComplete);
  second.manage(TaskManagementFunction.abortTask, { referencedTaskTag: tag });
  assert.equal((await second.managed()).response, taskDoesNotExist, 'nothing of it is left');
});

for (const [name, fn] of [
  ['ABORT TASK SET', TaskManagementFunction.abortTaskSet],
  ['CLEAR TASK SET', TaskManagementFunction.clearTaskSet],
  ['LOGICAL UNIT RESET', TaskManagementFunction.logicalUnitReset],
  ['TARGET WARM RESET', TaskManagementFunction.targetWarmReset],
] as const) {
  test(`${name} is answered when the data has come that R2Ts had asked for (RFC 7143 §4.2.3.3 a)`, async () => {
    const device = new MemoryDevice(8 * BLOCK);
    await using served = await serveTarget({ device });
    const initiator = await open(served, solicited);
    const one = await startWrite(initiator);
    const other = await startWrite(initiator);
    initiator.manage(fn);
    await nothingBeforePing(initiator);
    sendData(initiator, one);
    await nothingBeforePing(initiator);
    sendData(initiator, other);
    assert.equal((await initiator.managed()).response, functionComplete);
    assert.ok(isBlank(device), 'the data was thrown away');
    // Both tags are free again.
    for (const { tag } of [one, other]) {
      initiator.command(testUnitReady, { initiatorTaskTag: tag });
      await initiator.result(tag);
    }
    assert.equal(served.clock.pending, 1, 'no timer but the keepalive’s is left');
  });
}

test('an initiator that stops its data, as Linux does, is answered all the same', async () => {
  await using served = await serveTarget();
  const initiator = await open(served, solicited);
  const { tag, targetTransferTag } = await startWrite(initiator);
  initiator.manage(TaskManagementFunction.logicalUnitReset);
  await nothingBeforePing(initiator);
  await served.clock.pass(3_000);
  assert.equal((await initiator.managed()).response, functionComplete);
  sendData(initiator, { tag, targetTransferTag });
  await nothingBeforePing(initiator);
});

test('a command that has failed and waits for its data is ended like the others, unanswered (RFC 7143 §11.5.1)', async () => {
  await using served = await serveTarget();
  const initiator = await open(served, { ImmediateData: 'No', InitialR2T: 'No' });
  const tag = initiator.command(write(1 << 20), { direction: 'write', length: BLOCK, final: false });
  initiator.manage(TaskManagementFunction.abortTaskSet);
  assert.equal((await initiator.managed()).response, functionComplete);
  initiator.dataOut(tag, new Uint8Array(BLOCK), { dataSN: 0, bufferOffset: 0, final: true });
  await nothingBeforePing(initiator);
});

test('ABORT TASK SET ends the earlier tasks of its own session, and no others (RFC 7143 §4.2.3.2)', async () => {
  await using served = await serveTarget();
  const one = await open(served, solicited, '800000000001');
  const other = await open(served, solicited, '800000000002');
  const earlier = await startWrite(one);
  const later = await startWrite(one);
  const foreign = await startWrite(other);
  // Its CmdSN says where in the order of commands it stands.
  one.manage(TaskManagementFunction.abortTaskSet, { cmdSN: one.cmdSN - 1 });
  sendData(one, earlier);
  assert.equal((await one.managed()).response, functionComplete);
  sendData(one, later);
  assert.equal((await one.result(later.tag)).status, Status.good);
  sendData(other, foreign);
  assert.equal((await other.result(foreign.tag)).status, Status.good);
});

test('a function for a unit waits for the commands before it on other connections (RFC 7143 §4.2.3.3 b)', async () => {
  const device = new MemoryDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const first = await openAcknowledging(served);
  const second = await join(served, first, 2);
  const missing = first.cmdSN;
  second.manage(TaskManagementFunction.clearTaskSet, { cmdSN: missing + 1 });
  await nothingBeforePing(second);
  const { tag, targetTransferTag } = await startWrite(first);
  await nothingBeforePing(second);
  sendData(first, { tag, targetTransferTag });
  assert.equal((await second.managed()).response, functionComplete);
  assert.ok(isBlank(device));
  await nothingBeforePing(first);
});

test('commands that never come make the function fail, and nothing is ended', async () => {
  await using served = await serveTarget();
  const first = await open(served, { ...several, ...solicited });
  const second = await join(served, first, 2);
  const { tag, targetTransferTag } = await startWrite(first);
  second.manage(TaskManagementFunction.abortTaskSet, { cmdSN: first.cmdSN + 1 });
  await nothingBeforePing(second);
  await served.clock.pass(10_000);
  assert.equal((await second.managed()).response, functionRejected);
  sendData(first, { tag, targetTransferTag });
  assert.equal((await first.result(tag)).status, Status.good);
});

test('a second function under the tag of one that waits is rejected, and the first is answered (RFC 7143 §11.2.1.8)', async () => {
  await using served = await serveTarget();
  const initiator = await open(served);
  const cmdSN = initiator.cmdSN + 1;
  const initiatorTaskTag = initiator.manage(TaskManagementFunction.abortTaskSet, { cmdSN });
  for (let count = 0; count < 100; count++) {
    initiator.manage(TaskManagementFunction.abortTaskSet, { cmdSN, initiatorTaskTag });
    assert.equal((await initiator.rejection()).reason, RejectReason.taskInProgress);
  }
  initiator.command(testUnitReady, { direction: 'none' });
  const answers = [await initiator.next(), await initiator.next()].map((pdu) => BasicHeader.view(pdu?.header ?? none));
  assert.deepEqual(answers.map(({ opcode }) => opcode).sort(), [Opcode.scsiResponse, Opcode.taskManagementResponse]);
  initiator.manage(TaskManagementFunction.abortTaskSet, { initiatorTaskTag });
  assert.equal((await initiator.managed()).response, functionComplete, 'the tag is free again');
});

test('a target reset waits for no command: what is missing counts as received (RFC 7143 §4.2.3.3 b)', async () => {
  await using served = await serveTarget();
  const initiator = await open(served);
  const missing = initiator.cmdSN;
  initiator.manage(TaskManagementFunction.targetWarmReset, { cmdSN: missing + 3 });
  const { response, expCmdSN } = await initiator.managed();
  assert.deepEqual([response, expCmdSN], [functionComplete, missing + 3]);
  initiator.command(testUnitReady, { cmdSN: missing + 1 });
  await nothingBeforePing(initiator);
  initiator.cmdSN = missing + 3;
  const { status, sense } = await initiator.run(testUnitReady);
  assert.deepEqual([status, decodeSense(sense)?.key], [Status.checkCondition, 6], 'the unit attention of the reset');
});

test('a reset whose CmdSN lies beyond the window passes over nothing', async () => {
  await using served = await serveTarget();
  const initiator = await open(served);
  const due = initiator.cmdSN;
  for (const cmdSN of [due + 5000, (due + 0x8000_0000) >>> 0, due - 1]) {
    initiator.manage(TaskManagementFunction.targetWarmReset, { cmdSN });
    const { response, expCmdSN } = await initiator.managed();
    assert.deepEqual([response, expCmdSN], [functionComplete, due]);
  }
});

test('a cold reset ends every session, also when nobody is left to hear of it (RFC 7143 §11.5.1)', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const first = await openAcknowledging(served);
  const second = await join(served, first, 2);
  const other = await open(served, {}, '800000000002');
  other.command(write(), { direction: 'write', length: BLOCK, immediateData: new Uint8Array(BLOCK) });
  await device.holding(1);
  first.manage(TaskManagementFunction.targetColdReset);
  await nothingBeforePing(first);
  first.tcp.destroy();
  await second.expect(Opcode.asyncMessage);
  device.releaseAll();
  await Promise.all([second.closed, other.closed]);
  assert.equal(served.target.sessions.size, 0);
});

test('a unit that is not there', async () => {
  await using served = await serveTarget();
  const initiator = await open(served);
  for (const fn of [TaskManagementFunction.abortTaskSet, TaskManagementFunction.logicalUnitReset]) {
    initiator.manage(fn, { lun: 5 });
    assert.equal((await initiator.managed()).response, lunDoesNotExist);
  }
});
