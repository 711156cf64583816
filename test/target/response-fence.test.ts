/** Response Fences on sessions of several connections (RFC 7143 §4.2.2.3), and what each value of TaskReporting promises (§13.23). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import {
  LogoutReason,
  LogoutResponse,
  NopIn,
  ScsiResponse,
  TaskManagementFunction,
  TaskManagementResponseCode,
} from '../../src/iscsi/pdu.ts';
import { decodeSense, Status, TestUnitReadyCdb, Transfer10Cdb } from '../../src/scsi/index.ts';
import { settled } from '../support/simulated-clock.ts';
import { HeldDevice } from './held-device.ts';
import type { RawInitiator } from './raw-initiator.ts';
import { type ServedTarget, serveTarget } from './served-target.ts';
import { join, open, several } from './several-connections.ts';

const BLOCK = 512;
const { functionComplete } = TaskManagementResponseCode;
const testUnitReady = TestUnitReadyCdb.encode({ operationCode: 0x00 });
const read = Transfer10Cdb.encode({ operationCode: 0x28, transferLength: 1 });
const fenced = { ...several, TaskReporting: 'ResponseFence,RFC3720' };

/** The target's question whether what it has sent has arrived. */
async function expectPing(initiator: RawInitiator): Promise<number> {
  const { initiatorTaskTag, targetTransferTag } = NopIn.view((await initiator.expect(Opcode.nopIn)).header);
  assert.equal(initiatorTaskTag, RESERVED_TAG);
  return targetTransferTag;
}

async function pairOf(
  served: ServedTarget,
  keys: Readonly<Record<string, string>> = fenced,
): Promise<[RawInitiator, RawInitiator]> {
  const first = await open(served, keys);
  const second = await join(served, first, 2);
  return [first, second];
}

/** A command on a connection, numbered in the session that both share. */
async function runOn(initiator: RawInitiator, other: RawInitiator, cdb: Uint8Array, length = 0) {
  initiator.cmdSN = Math.max(initiator.cmdSN, other.cmdSN);
  const result = await initiator.run(cdb, { length });
  other.cmdSN = initiator.cmdSN;
  return result;
}

async function answersPing(initiator: RawInitiator): Promise<void> {
  const tag = initiator.ping();
  assert.equal(NopIn.view((await initiator.expect(Opcode.nopIn)).header).initiatorTaskTag, tag);
}

test('the answer of a function that ended tasks waits for what the other connections have not acknowledged (RFC 7143 §11.6.1)', async () => {
  for (const keys of [several, fenced]) {
    await using served = await serveTarget();
    const [first, second] = await pairOf(served, keys);
    assert.equal((await runOn(second, first, testUnitReady)).status, Status.good);
    first.manage(TaskManagementFunction.abortTaskSet);
    const ping = await expectPing(second);
    // An acknowledgement of something earlier does not count.
    second.expStatSN -= 1;
    second.pong(ping);
    await answersPing(first);
    second.expStatSN += 1;
    second.pong(ping);
    assert.equal((await first.managed()).response, functionComplete);
  }
});

test('what follows a fenced answer waits until that is acknowledged (RFC 7143 §4.2.2.3.3 c, d)', async () => {
  await using served = await serveTarget();
  const [first, second] = await pairOf(served);
  first.manage(TaskManagementFunction.logicalUnitReset);
  const response = await first.managed();
  assert.equal(response.response, functionComplete);
  const ping = await expectPing(first);
  second.cmdSN = first.cmdSN;
  const tag = second.command(testUnitReady);
  await answersPing(second);
  second.acknowledges = true;
  first.pong(ping);
  // The unit attention of the reset is fenced as well.
  const { status, sense } = await second.result(tag);
  assert.deepEqual([status, decodeSense(sense)?.key], [Status.checkCondition, 6]);
});

test('answers of other kinds wait their turn too, data and all', async () => {
  const content = new Uint8Array(8 * BLOCK).fill(7);
  await using served = await serveTarget({ device: new MemoryDevice(content) });
  const [first, second] = await pairOf(served);
  first.manage(TaskManagementFunction.abortTaskSet);
  await first.managed();
  const ping = await expectPing(first);
  const tag = second.command(read, { length: BLOCK });
  second.manage(TaskManagementFunction.abortTask, { referencedTaskTag: 4711 });
  await answersPing(second);
  first.pong(ping);
  const { status, data } = await second.result(tag);
  assert.deepEqual([status, data[0]], [Status.good, 7]);
  assert.equal((await second.managed()).response, TaskManagementResponseCode.taskDoesNotExist, 'in the order made');
});

test('a unit attention that tells of ended tasks comes after their session’s earlier answers (RFC 7143 §4.2.2.3.4 a)', async () => {
  for (const [keys, waits] of [
    [fenced, true],
    [several, false],
  ] as const) {
    await using served = await serveTarget();
    const [first, second] = await pairOf(served, keys);
    assert.equal((await runOn(second, first, testUnitReady)).status, Status.good);
    const third = await open(served, {}, '800000000003');
    third.manage(TaskManagementFunction.logicalUnitReset);
    await third.managed();
    const tag = first.command(testUnitReady);
    if (waits) {
      const ping = await expectPing(second);
      await answersPing(first);
      second.pong(ping);
    }
    const { sense } = await first.result(tag);
    assert.equal(decodeSense(sense)?.key, 6);
    assert.equal(served.portal.sessions[0]?.parameters.taskReporting, waits ? 'ResponseFence' : 'RFC3720');
  }
});

test('the answer of PREEMPT AND ABORT is fenced (RFC 7143 §4.2.2.3.4 f)', async () => {
  await using served = await serveTarget();
  const [first, second] = await pairOf(served);
  const key = Buffer.alloc(24);
  key.writeBigUInt64BE(0xabcdn, 8);
  const reserveOut = (serviceAction: number): Uint8Array =>
    Uint8Array.of(0x5f, serviceAction, 1, 0, 0, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0);
  const give = (cdb: Uint8Array): number => first.command(cdb, { direction: 'write', length: 24, immediateData: key });
  assert.equal((await first.result(give(reserveOut(0)))).status, Status.good, 'REGISTER');
  second.cmdSN = first.cmdSN;
  assert.equal((await runOn(second, first, testUnitReady)).status, Status.good);
  key.writeBigUInt64BE(0xabcdn, 0);
  const tag = give(reserveOut(5));
  const ping = await expectPing(second);
  await answersPing(first);
  second.pong(ping);
  assert.equal((await first.result(tag)).status, Status.good);
});

test('a session of one connection needs no fence (RFC 7143 §4.2.2.3.3 a)', async () => {
  await using served = await serveTarget();
  const first = await open(served, fenced);
  assert.equal((await first.run(testUnitReady)).status, Status.good);
  first.expStatSN = 0;
  first.manage(TaskManagementFunction.abortTaskSet);
  assert.equal((await first.managed()).response, functionComplete);
  assert.equal((await first.run(testUnitReady)).status, Status.good);
});

test('a connection that goes acknowledges nothing any more, and holds nobody up', async () => {
  await using served = await serveTarget();
  const [first, second] = await pairOf(served);
  assert.equal((await runOn(second, first, testUnitReady)).status, Status.good);
  first.manage(TaskManagementFunction.abortTaskSet);
  await expectPing(second);
  second.tcp.destroy();
  assert.equal((await first.managed()).response, functionComplete);
});

test('a connection that acknowledges nothing is dropped, and the session goes on without it', async () => {
  await using served = await serveTarget();
  const [first, second] = await pairOf(served);
  assert.equal((await runOn(second, first, testUnitReady)).status, Status.good);
  first.manage(TaskManagementFunction.abortTaskSet);
  await expectPing(second);
  await served.clock.pass(10_000);
  await second.closed;
  assert.equal((await first.managed()).response, functionComplete);
  await first.expect(Opcode.asyncMessage);
  const tag = first.command(testUnitReady);
  assert.equal(ScsiResponse.view((await first.expect(Opcode.scsiResponse)).header).initiatorTaskTag, tag);
});

test('the answer to a connection that is dropped for want of acknowledgements holds up no other', async () => {
  await using served = await serveTarget();
  const [first, second] = await pairOf(served);
  assert.equal((await runOn(first, second, testUnitReady)).status, Status.good);
  // With less than two connections left there would be no fence any more.
  await join(served, first, 3);
  first.expStatSN -= 1;
  first.manage(TaskManagementFunction.abortTaskSet);
  await expectPing(first);
  const tag = second.command(testUnitReady);
  await served.clock.pass(10_000);
  await first.closed;
  assert.equal((await second.result(tag)).status, Status.good);
});

test('a session that ends behind a fence leaves nothing', async () => {
  await using served = await serveTarget();
  const [first, second] = await pairOf(served);
  assert.equal((await runOn(second, first, testUnitReady)).status, Status.good);
  first.manage(TaskManagementFunction.abortTaskSet);
  await expectPing(second);
  first.logout();
  await Promise.all([first.closed, second.closed]);
  await settled();
  assert.equal(served.clock.pending, 0);
});

test('a task that ends behind a fence is given to its new connection all the same (RFC 7143 §7.2.2)', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const keys = { ...fenced, ErrorRecoveryLevel: '2', DefaultTime2Retain: '20' };
  const [first, second] = await pairOf(served, keys);
  const tag = first.command(read, { length: BLOCK });
  second.cmdSN = first.cmdSN;
  await device.holding(1);
  first.tcp.destroy();
  await second.expect(Opcode.asyncMessage);
  second.logout(LogoutReason.removeConnectionForRecovery, 1);
  const { statSN } = LogoutResponse.view((await second.expect(Opcode.logoutResponse)).header);
  second.expStatSN = statSN + 1;
  const third = await join(served, second, 3);
  third.cmdSN = second.cmdSN;
  // A function at the end of whose answer the fence stays up.
  second.manage(TaskManagementFunction.abortTaskSet, { lun: 0, cmdSN: 0 });
  await second.managed();
  const ping = await expectPing(second);
  third.manage(TaskManagementFunction.taskReassign, { referencedTaskTag: tag });
  await answersPing(third);
  device.releaseAll();
  await answersPing(third);
  second.pong(ping);
  assert.equal((await third.managed()).response, functionComplete);
  assert.equal((await third.result(tag)).data.length, BLOCK);
});

test('a fence does not wait for a connection whose place another has taken (RFC 7143 §6.3.4)', async () => {
  await using served = await serveTarget();
  const keys = { ...fenced, ErrorRecoveryLevel: '2', DefaultTime2Retain: '20' };
  const [first, second] = await pairOf(served, keys);
  const third = await join(served, first, 3);
  assert.equal((await runOn(second, first, testUnitReady)).status, Status.good);
  // The answer waits for what its own connection has not acknowledged, and is to go out when that is gone.
  second.expStatSN -= 1;
  second.manage(TaskManagementFunction.abortTaskSet);
  await expectPing(second);
  await join(served, second, 2);
  await answersPing(third);
  assert.equal((await runOn(third, first, testUnitReady)).status, Status.good);
});
