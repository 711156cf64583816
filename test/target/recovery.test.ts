/** Several connections in one session, and recovery within a command, a connection and a session (RFC 7143 §6.3, §7). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import {
  AsyncEvent,
  AsyncMessage,
  DataIn,
  DataOut,
  LoginStatus,
  LogoutReason,
  LogoutResponse,
  LogoutResponseCode,
  NopIn,
  ReadyToTransfer,
  Reject,
  RejectReason,
  ScsiCommand,
  ScsiResponse,
  SnackType,
  TaskManagementFunction,
  TaskManagementResponse,
  TaskManagementResponseCode,
} from '../../src/iscsi/pdu.ts';
import { writePdu } from '../../src/iscsi/pdu-writer.ts';
import { decodeSense, Status, Transfer10Cdb } from '../../src/scsi/index.ts';
import { HeldDevice } from './held-device.ts';
import type { RawInitiator } from './raw-initiator.ts';
import { type ServedTarget, serveTarget, TARGET } from './served-target.ts';
import { join, open, several } from './several-connections.ts';

const BLOCK = 512;
const read = (blocks: number, logicalBlockAddress = 0) =>
  Transfer10Cdb.encode({ operationCode: 0x28, logicalBlockAddress, transferLength: blocks });
const write = (blocks: number, logicalBlockAddress = 0) =>
  Transfer10Cdb.encode({ operationCode: 0x2a, logicalBlockAddress, transferLength: blocks });
const pattern = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 9)) & 0xff);
const level = (errorRecoveryLevel: number, keys: Record<string, string> = {}) => ({
  ErrorRecoveryLevel: String(errorRecoveryLevel),
  DefaultTime2Wait: '2',
  DefaultTime2Retain: '20',
  ...several,
  ...keys,
});

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function reassign(initiator: RawInitiator, tag: number, expDataSN = 0): Promise<number> {
  initiator.manage(TaskManagementFunction.taskReassign, { referencedTaskTag: tag, expDataSN });
  return TaskManagementResponse.view((await initiator.expect(Opcode.taskManagementResponse)).header).response;
}

async function logoutResponse(initiator: RawInitiator): Promise<number> {
  return LogoutResponse.view((await initiator.expect(Opcode.logoutResponse)).header).response;
}

/** A Data-Out whose data was damaged on its way. */
function sendDamaged(initiator: RawInitiator, header: Uint8Array, data: Uint8Array): void {
  const parts: Uint8Array[] = [];
  writePdu((part) => parts.push(part), header, [data], { headerDigest: false, dataDigest: true });
  const bytes = Buffer.concat(parts);
  bytes[60] = (bytes[60] ?? 0) ^ 0xff;
  initiator.sendBytes(bytes);
}

test('who asks for nothing has one connection and ErrorRecoveryLevel 0', async () => {
  await using served = await serveTarget();
  const initiator = await open(served, {});
  const [session] = served.portal.sessions;
  assert.equal(session?.parameters.maxConnections, 1);
  assert.equal(session?.parameters.errorRecoveryLevel, 0);
  const second = await served.connect();
  const status = await second.tryLogin({ targetName: TARGET, tsih: initiator.tsih, cid: 2 });
  assert.equal(status, LoginStatus.tooManyConnections);
});

test('commands of several connections run in the order of their CmdSN, each answered where it came (RFC 7143 §4.2.2.1)', async () => {
  await using served = await serveTarget();
  const first = await open(served);
  const second = await join(served, first, 2);
  assert.equal(served.portal.sessions.length, 1);
  const later = second.command(write(1), {
    direction: 'write',
    length: BLOCK,
    cmdSN: first.cmdSN + 1,
    immediateData: new Uint8Array(BLOCK).fill(2),
  });
  await turns();
  const earlier = first.command(write(1), {
    direction: 'write',
    length: BLOCK,
    immediateData: new Uint8Array(BLOCK).fill(1),
  });
  assert.equal((await first.result(earlier)).status, Status.good);
  assert.equal((await second.result(later)).status, Status.good);
  first.cmdSN += 1;
  assert.equal((await first.run(read(1), { length: BLOCK })).data[0], 2, 'the later one was the last to write');
});

test('no more connections than were negotiated, and none for a session that does not exist (RFC 7143 §11.13.5)', async () => {
  await using served = await serveTarget();
  const first = await open(served, { MaxConnections: '2' });
  await join(served, first, 2);
  const third = await served.connect();
  assert.equal(await third.tryLogin({ targetName: TARGET, tsih: first.tsih, cid: 3 }), LoginStatus.tooManyConnections);
  const lost = await served.connect();
  const status = await lost.tryLogin({ targetName: TARGET, tsih: first.tsih + 1, cid: 3 });
  assert.equal(status, LoginStatus.sessionDoesNotExist);
});

test('"close the connection" ends one connection, "close the session" all of them (RFC 7143 §11.14)', async () => {
  await using served = await serveTarget();
  const first = await open(served);
  const second = await join(served, first, 2);
  const third = await join(served, first, 3);
  second.logout(LogoutReason.closeConnection, 2);
  assert.equal(await logoutResponse(second), LogoutResponseCode.closed);
  await second.closed;
  first.logout(LogoutReason.closeConnection, 9);
  assert.equal(await logoutResponse(first), LogoutResponseCode.cidNotFound);
  first.logout(LogoutReason.removeConnectionForRecovery, 3);
  assert.equal(await logoutResponse(first), LogoutResponseCode.recoveryNotSupported);
  assert.equal((await first.run(read(1), { length: BLOCK })).status, Status.good);
  first.logout(LogoutReason.closeSession);
  assert.equal(await logoutResponse(first), LogoutResponseCode.closed);
  await Promise.all([first.closed, third.closed]);
  assert.equal(served.portal.sessions.length, 0);
});

test('a connection can be closed from another one, and its tasks end unanswered (RFC 7143 §11.14.5)', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const first = await open(served);
  const second = await join(served, first, 2);
  second.command(read(1), { length: BLOCK });
  first.cmdSN += 1;
  await device.holding(1);
  first.logout(LogoutReason.closeConnection, 2);
  await second.closed;
  device.releaseAll();
  assert.equal(await logoutResponse(first), LogoutResponseCode.closed);
  const { sense } = await first.run(read(1), { length: BLOCK });
  assert.equal(decodeSense(sense)?.code, 0x477f, 'some commands cleared by iSCSI protocol event');
});

test('a login with the CID of a connection takes its place; its tasks end below ErrorRecoveryLevel 2 (RFC 7143 §6.3.4)', async () => {
  await using served = await serveTarget();
  const first = await open(served, {});
  assert.equal((await first.run(read(1), { length: BLOCK })).status, Status.good);
  const again = await join(served, first, 1);
  await first.closed;
  assert.equal((await again.run(read(1), { length: BLOCK })).status, Status.good);
  assert.equal(served.portal.sessions.length, 1);
});

test('the other connections learn of one that was lost, and go on (RFC 7143 §7.1.4.3)', async () => {
  await using served = await serveTarget();
  const first = await open(served);
  const second = await join(served, first, 2);
  second.tcp.destroy();
  const message = AsyncMessage.view((await first.expect(Opcode.asyncMessage)).header);
  assert.deepEqual([message.asyncEvent, message.parameter1], [AsyncEvent.connectionDropped, 2]);
  assert.equal((await first.run(read(1), { length: BLOCK })).status, Status.good);
  first.tcp.destroy();
  await turns();
  assert.equal(served.portal.sessions.length, 0, 'it ends with its last connection');
});

test('a Data SNACK brings Data-In PDUs again, until their status is acknowledged (RFC 7143 §11.16)', async () => {
  const content = pattern(4 * BLOCK);
  await using served = await serveTarget({ device: new MemoryDevice(content) });
  const initiator = await open(served, level(1, { MaxRecvDataSegmentLength: '512' }));
  const before = initiator.expStatSN;
  const tag = initiator.command(read(4), { length: 4 * BLOCK });
  const { pdus } = await initiator.result(tag);
  assert.equal(pdus.length, 4);
  initiator.expStatSN = before;
  initiator.snack({ type: SnackType.dataOrR2T, initiatorTaskTag: tag, begRun: 1, runLength: 2 });
  for (const dataSN of [1, 2]) {
    const pdu = await initiator.expect(Opcode.dataIn);
    assert.equal(DataIn.view(pdu.header).dataSN, dataSN);
    assert.deepEqual(Buffer.concat(pdu.data), Buffer.from(content.subarray(dataSN * BLOCK, (dataSN + 1) * BLOCK)));
  }
  initiator.snack({ type: SnackType.dataOrR2T, initiatorTaskTag: tag, begRun: 3, runLength: 2 });
  assert.equal(Reject.view((await initiator.expect(Opcode.reject)).header).reason, RejectReason.protocolError);
  initiator.expStatSN = before + 2;
  initiator.snack({ type: SnackType.dataOrR2T, initiatorTaskTag: tag, begRun: 0, runLength: 0 });
  assert.equal(Reject.view((await initiator.expect(Opcode.reject)).header).reason, RejectReason.protocolError);
});

test('a Status SNACK brings numbered responses again, as they were (RFC 7143 §11.16.1)', async () => {
  await using served = await serveTarget();
  const initiator = await open(served, level(1));
  initiator.ping(Uint8Array.of(1, 2, 3));
  const first = await initiator.expect(Opcode.nopIn);
  const { statSN } = NopIn.view(first.header);
  initiator.snack({ type: SnackType.status, begRun: statSN, runLength: 1 });
  const again = await initiator.expect(Opcode.nopIn);
  assert.deepEqual([again.header, again.data], [first.header, first.data]);
});

test('an R-Data SNACK brings all data, and a SCSI Response with its tag and the old StatSN (RFC 7143 §11.16.3)', async () => {
  await using served = await serveTarget();
  const initiator = await open(served, level(1));
  const before = initiator.expStatSN;
  const tag = initiator.command(read(1), { length: BLOCK });
  const { pdus } = await initiator.result(tag);
  const statSN = pdus[0] === undefined ? 0 : DataIn.view(pdus[0].header).statSN;
  initiator.expStatSN = before;
  initiator.snack({ type: SnackType.rData, initiatorTaskTag: tag, targetTransferTag: 77, begRun: 0, runLength: 0 });
  assert.equal(DataIn.view((await initiator.expect(Opcode.dataIn)).header).hasStatus, false);
  const response = ScsiResponse.view((await initiator.expect(Opcode.scsiResponse)).header);
  assert.deepEqual([response.snackTag, response.statSN, response.expDataSN], [77, statSN, 1]);
});

test('long reads ask for a DataACK, and what is acknowledged cannot be had again (RFC 7143 §11.16.2)', async () => {
  await using served = await serveTarget({ device: new MemoryDevice(4 << 20) });
  const initiator = await open(served, level(1, { MaxRecvDataSegmentLength: '1048576', MaxBurstLength: '1048576' }));
  const blocks = (3 << 20) / BLOCK;
  const tag = initiator.command(read(blocks), { length: 3 << 20 });
  const first = DataIn.view((await initiator.expect(Opcode.dataIn)).header);
  assert.equal(first.acknowledge, true);
  initiator.snack({ type: SnackType.dataAck, targetTransferTag: first.targetTransferTag, begRun: 1, runLength: 0 });
  assert.equal((await initiator.result(tag)).status, Status.good);
  initiator.expStatSN -= 1;
  initiator.snack({ type: SnackType.dataOrR2T, initiatorTaskTag: tag, begRun: 0, runLength: 1 });
  assert.equal(Reject.view((await initiator.expect(Opcode.reject)).header).reason, RejectReason.protocolError);
  initiator.snack({ type: SnackType.dataAck, targetTransferTag: 999_999, begRun: 1, runLength: 0 });
  assert.equal(Reject.view((await initiator.expect(Opcode.reject)).header).reason, RejectReason.invalidDataAck);
});

test('data that was damaged is asked for again by a recovery R2T (RFC 7143 §7.8)', async () => {
  const device = new MemoryDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const initiator = await open(served, level(1, { DataDigest: 'CRC32C', ImmediateData: 'No' }));
  const data = pattern(4 * BLOCK);
  const tag = initiator.command(write(4), { length: 4 * BLOCK, direction: 'write' });
  const r2t = ReadyToTransfer.view((await initiator.expect(Opcode.readyToTransfer)).header);
  const ttt = { targetTransferTag: r2t.targetTransferTag };
  initiator.dataOut(tag, data.subarray(0, BLOCK), { ...ttt, dataSN: 0, bufferOffset: 0, final: false });
  const header = DataOut.encode({
    opcode: Opcode.dataOut,
    initiatorTaskTag: tag,
    ...ttt,
    dataSN: 1,
    bufferOffset: BLOCK,
  });
  sendDamaged(initiator, header, data.subarray(BLOCK, 2 * BLOCK));
  initiator.dataOut(tag, data.subarray(2 * BLOCK), { ...ttt, dataSN: 2, bufferOffset: 2 * BLOCK, final: true });
  assert.equal(Reject.view((await initiator.expect(Opcode.reject)).header).reason, RejectReason.dataDigestError);
  const again = ReadyToTransfer.view((await initiator.expect(Opcode.readyToTransfer)).header);
  assert.deepEqual([again.r2tSN, again.bufferOffset, again.desiredDataTransferLength], [1, BLOCK, 3 * BLOCK]);
  initiator.sendSequence(tag, data, again.targetTransferTag, BLOCK, 3 * BLOCK, BLOCK);
  assert.equal((await initiator.result(tag)).status, Status.good);
  assert.deepEqual(Buffer.concat(device.read(0, 4 * BLOCK)), Buffer.from(data));
});

/** Loses the only connection of a session and logs in again with the same CID. */
async function recover(served: ServedTarget, lost: RawInitiator): Promise<RawInitiator> {
  lost.tcp.destroy();
  await lost.closed;
  await turns();
  return join(served, lost, 1);
}

test('a READ whose connection was lost goes on with another (RFC 7143 §7.2.2)', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const lost = await open(served, level(2));
  const tag = lost.command(read(1), { length: BLOCK });
  await device.holding(1);
  const renewed = await recover(served, lost);
  assert.equal(await reassign(renewed, tag), TaskManagementResponseCode.functionComplete);
  device.releaseAll();
  const { status, data } = await renewed.result(tag);
  assert.deepEqual([status, data.length], [Status.good, BLOCK]);
  assert.equal(await reassign(renewed, 4711), TaskManagementResponseCode.taskDoesNotExist);
});

test('an answer that was lost with its connection is given again, and the WRITE not done twice', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const lost = await open(served, level(2));
  const tag = lost.command(write(1), {
    direction: 'write',
    length: BLOCK,
    immediateData: new Uint8Array(BLOCK).fill(1),
  });
  await device.holding(1);
  const renewed = await recover(served, lost);
  device.releaseAll();
  await turns();
  assert.equal(await reassign(renewed, tag), TaskManagementResponseCode.functionComplete);
  assert.equal((await renewed.result(tag)).status, Status.good);
  assert.equal(device.held.length, 0, 'the device was asked once');
});

test('a WRITE that waited for data asks for it again on the new connection', async () => {
  const device = new MemoryDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const lost = await open(served, level(2, { ImmediateData: 'No' }));
  const data = pattern(2 * BLOCK);
  const tag = lost.command(write(2), { direction: 'write', length: 2 * BLOCK });
  await lost.expect(Opcode.readyToTransfer);
  const renewed = await recover(served, lost);
  assert.equal(await reassign(renewed, tag, 1), TaskManagementResponseCode.functionComplete);
  assert.equal((await renewed.writeBySolicitation(tag, data, BLOCK)).status, Status.good);
  assert.deepEqual(Buffer.concat(device.read(0, 2 * BLOCK)), Buffer.from(data));
});

test('a task is still allegiant until its connection was logged out for recovery (RFC 7143 §11.6.1)', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const first = await open(served, level(2));
  const second = await join(served, first, 2);
  const tag = second.command(read(1), { length: BLOCK, initiatorTaskTag: 500 });
  first.cmdSN += 1;
  await device.holding(1);
  assert.equal(await reassign(first, tag), TaskManagementResponseCode.taskStillAllegiant);
  second.tcp.destroy();
  await first.expect(Opcode.asyncMessage);
  assert.equal(await reassign(first, tag), TaskManagementResponseCode.taskStillAllegiant);
  first.logout(LogoutReason.removeConnectionForRecovery, 2);
  const response = LogoutResponse.view((await first.expect(Opcode.logoutResponse)).header);
  assert.deepEqual([response.response, response.time2Wait, response.time2Retain], [0, 2, 20]);
  assert.equal(await reassign(first, tag), TaskManagementResponseCode.functionComplete);
  device.releaseAll();
  assert.equal((await first.result(tag)).status, Status.good);
});

test('below ErrorRecoveryLevel 2 nothing can be reassigned', async () => {
  await using served = await serveTarget();
  const initiator = await open(served, level(1));
  assert.equal(await reassign(initiator, RESERVED_TAG - 1), TaskManagementResponseCode.taskReassignmentNotSupported);
});

test('a session without a connection ends after Time2Wait and Time2Retain (RFC 7143 §7.5)', async () => {
  await using served = await serveTarget();
  const lost = await open(served, level(2));
  lost.tcp.destroy();
  await turns();
  served.clock.advance(21_999);
  await turns();
  assert.equal(served.portal.sessions.length, 1);
  served.clock.advance(1);
  await turns();
  assert.equal(served.portal.sessions.length, 0);
  assert.equal(served.clock.pending, 0, 'no timer is left');
});

test('however long an initiator wants to wait, a session without a connection ends (RFC 7143 §13.15)', async () => {
  await using served = await serveTarget();
  const lost = await open(served, level(2, { DefaultTime2Wait: '3600' }));
  lost.tcp.destroy();
  await served.clock.pass(619_999);
  assert.equal(served.portal.sessions.length, 1);
  await served.clock.pass(1);
  assert.equal(served.portal.sessions.length, 0);
});

test('a command whose immediate data was damaged is discarded, and runs when it is sent again (RFC 7143 §7.8)', async () => {
  const device = new MemoryDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const initiator = await open(served, level(1, { DataDigest: 'CRC32C' }));
  const data = pattern(BLOCK);
  const header = ScsiCommand.encode({
    opcode: Opcode.scsiCommand,
    final: true,
    write: true,
    attribute: 1,
    lun: new Uint8Array(8),
    initiatorTaskTag: 900,
    expectedDataTransferLength: BLOCK,
    cmdSN: initiator.cmdSN,
    expStatSN: initiator.expStatSN,
    cdb: write(1),
  });
  sendDamaged(initiator, header, data);
  assert.equal(Reject.view((await initiator.expect(Opcode.reject)).header).reason, RejectReason.dataDigestError);
  const options = { direction: 'write', length: BLOCK, immediateData: data, initiatorTaskTag: 900 } as const;
  assert.equal((await initiator.run(write(1), options)).status, Status.good);
  assert.deepEqual(Buffer.concat(device.read(0, BLOCK)), Buffer.from(data));
});

test('data that is asked for again on a connection with shorter segments is cut anew (RFC 7143 §7.2.2)', async () => {
  const content = pattern(4 * BLOCK);
  await using served = await serveTarget({ device: new MemoryDevice(content) });
  const lost = await open(served, level(2, { MaxRecvDataSegmentLength: '2048' }));
  const before = lost.expStatSN;
  const tag = lost.command(read(4), { length: 4 * BLOCK });
  assert.equal((await lost.result(tag)).pdus.length, 1);
  lost.expStatSN = before;
  lost.tcp.destroy();
  await turns();
  const renewed = await served.connect();
  renewed.cmdSN = lost.cmdSN;
  await renewed.login({ targetName: TARGET, tsih: lost.tsih, keys: { MaxRecvDataSegmentLength: '512' } });
  assert.equal(await reassign(renewed, tag), TaskManagementResponseCode.functionComplete);
  const { pdus, data } = await renewed.result(tag);
  assert.equal(pdus.length, 5, 'four of data and the status');
  assert.deepEqual(Buffer.from(data), Buffer.from(content));
});
