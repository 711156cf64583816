/** When MaxCmdSN changes and no PDU is due that would tell, a NOP-In tells (RFC 7143 §11.4.11, §11.19). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import { NopIn, TaskManagementFunction } from '../../../src/iscsi/pdu.ts';
import { settled } from '../commands/asker.ts';
import { HeldDevice } from '../held-device.ts';
import { BLOCK, read } from '../scsi-requests.ts';
import { serveTarget } from '../served-target.ts';

test('a session whose tasks another one has ended learns that there is room again', async () => {
  const device = new HeldDevice(256 * BLOCK);
  await using served = await serveTarget({ device });
  const victim = await served.login();
  const start = victim.cmdSN;
  for (let count = 0; count < 128; count++) victim.command(read(1), { length: BLOCK });
  await device.holding(128);
  const other = await served.login({}, { isid: '800000000002' });
  other.manage(TaskManagementFunction.logicalUnitReset, { referencedTaskTag: RESERVED_TAG });
  await settled();
  device.releaseAll();
  await other.expect(Opcode.taskManagementResponse);
  const view = NopIn.view((await victim.expect(Opcode.nopIn)).header);
  assert.deepEqual([view.initiatorTaskTag, view.targetTransferTag], [RESERVED_TAG, RESERVED_TAG], 'asks for nothing');
  assert.equal(view.maxCmdSN, start + 255);
  assert.equal(view.statSN, victim.expStatSN, 'and takes no StatSN');
  const tag = victim.ping();
  assert.equal(NopIn.view((await victim.expect(Opcode.nopIn)).header).initiatorTaskTag, tag, 'told once');
});

test('connections that go on are told when the tasks of a lost one have ended', async () => {
  const device = new HeldDevice(256 * BLOCK);
  await using served = await serveTarget({ device });
  const raw = await served.login({ MaxConnections: '2' });
  const second = await served.login({}, { tsih: raw.tsih, cid: 2 });
  second.cmdSN = raw.cmdSN;
  const start = raw.cmdSN;
  for (let count = 0; count < 4; count++) second.command(read(1), { length: BLOCK });
  await device.holding(4);
  second.tcp.destroy();
  await raw.expect(Opcode.asyncMessage);
  device.releaseAll();
  const view = NopIn.view((await raw.expect(Opcode.nopIn)).header);
  assert.equal(view.maxCmdSN, start + 4 + 127);
});
