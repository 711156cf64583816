/** What recovery does not bring back (RFC 7143 §7.8, §7.14, §11.5.1). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opcode } from '../../../src/iscsi/opcode.ts';
import {
  DataIn,
  LogoutReason,
  LogoutResponse,
  RejectReason,
  SnackType,
  TaskManagementFunction,
  TaskManagementRequest,
  TaskManagementResponseCode,
} from '../../../src/iscsi/pdu.ts';
import { decodeSense, Status } from '../../../src/scsi/index.ts';
import { settled } from '../commands/asker.ts';
import { HeldDevice } from '../held-device.ts';
import { BLOCK, read } from '../scsi-requests.ts';
import { serveTarget } from '../served-target.ts';

const MIB = 1 << 20;

test('data that is no longer kept cannot be had again: the SNACK is rejected, and its READ fails with "SNACK rejected" (RFC 7143 §7.8)', async () => {
  const device = new HeldDevice(64 * MIB);
  await using served = await serveTarget({ device });
  const keys = { ErrorRecoveryLevel: '1', MaxRecvDataSegmentLength: String(MIB), MaxBurstLength: String(MIB) };
  const raw = await served.login(keys);
  const length = 24 * MIB;
  const tag = raw.command(read(length / BLOCK), { length });
  // More than is kept for a connection, and none of it acknowledged.
  for (let piece = 0; piece < 18; piece++) {
    await device.holding(1);
    device.releaseAll();
    assert.equal(DataIn.view((await raw.expect(Opcode.dataIn)).header).dataSN, piece);
  }
  raw.snack({ type: SnackType.dataOrR2T, initiatorTaskTag: tag, begRun: 17, runLength: 1 });
  assert.equal(DataIn.view((await raw.expect(Opcode.dataIn)).header).dataSN, 17, 'the youngest is there');
  raw.snack({ type: SnackType.dataOrR2T, initiatorTaskTag: tag, begRun: 0, runLength: 1 });
  assert.equal((await raw.rejection()).reason, RejectReason.snackReject);
  const { status, sense } = await raw.result(tag);
  assert.equal(status, Status.checkCondition);
  const { key, code } = decodeSense(sense) ?? {};
  assert.deepEqual([key, code], [0x0b, 0x1113]);
  device.releaseAll();
});

test('immediate commands end with their connection, and cannot be reassigned (RFC 7143 §7.14)', async () => {
  const device = new HeldDevice(64 * BLOCK);
  await using served = await serveTarget({ device });
  const lost = await served.login({ ErrorRecoveryLevel: '2', MaxConnections: '2' });
  const immediate = lost.command(read(1), { length: BLOCK, immediate: true });
  const numbered = lost.command(read(1), { length: BLOCK });
  await device.holding(2);
  lost.tcp.destroy();
  await settled();
  const next = await served.login({}, { tsih: lost.tsih, cid: 1 });
  next.cmdSN = lost.cmdSN;
  const responses: number[] = [];
  for (const tag of [immediate, numbered]) {
    next.manage(TaskManagementFunction.taskReassign, { referencedTaskTag: tag });
    responses.push((await next.managed()).response);
  }
  const { taskDoesNotExist, functionComplete } = TaskManagementResponseCode;
  assert.deepEqual(responses, [taskDoesNotExist, functionComplete]);
  device.releaseAll();
  assert.equal((await next.result(numbered)).status, Status.good);
});

test('TASK REASSIGN is an immediate command: in the order of the others it is rejected (RFC 7143 §11.5.1)', async () => {
  const device = new HeldDevice(64 * BLOCK);
  await using served = await serveTarget({ device });
  const first = await served.login({ ErrorRecoveryLevel: '2', MaxConnections: '2' });
  const second = await served.login({}, { tsih: first.tsih, cid: 2 });
  second.cmdSN = first.cmdSN;
  const tag = second.command(read(1), { length: BLOCK });
  await device.holding(1);
  second.logout(LogoutReason.removeConnectionForRecovery, 2);
  assert.equal(LogoutResponse.view((await second.expect(Opcode.logoutResponse)).header).response, 0);
  const header = TaskManagementRequest.encode({
    opcode: Opcode.taskManagementRequest,
    final: true,
    function: TaskManagementFunction.taskReassign,
    initiatorTaskTag: 500,
    referencedTaskTag: tag,
    cmdSN: second.cmdSN,
    expStatSN: first.expStatSN,
  });
  first.send(header);
  assert.equal((await first.managed()).response, TaskManagementResponseCode.functionRejected);
  first.cmdSN = second.cmdSN + 1;
  first.manage(TaskManagementFunction.taskReassign, { referencedTaskTag: tag });
  assert.equal((await first.managed()).response, TaskManagementResponseCode.functionComplete);
  device.releaseAll();
  assert.equal((await first.result(tag)).status, Status.good);
});
