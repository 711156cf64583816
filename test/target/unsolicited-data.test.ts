/** Unsolicited data whose command cannot run yet, or runs already: it stays with its command (RFC 7143 §4.2.2.1, §7.2.1). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opcode } from '../../src/iscsi/opcode.ts';
import {
  ReadyToTransfer,
  TaskAttribute,
  TaskManagementFunction,
  TaskManagementResponseCode,
} from '../../src/iscsi/pdu.ts';
import { Status, Transfer10Cdb } from '../../src/scsi/index.ts';
import { HeldDevice } from './held-device.ts';
import type { RawInitiator } from './raw-initiator.ts';
import { type ServedTarget, serveTarget, TARGET } from './served-target.ts';

const BLOCK = 512;
const DATA = Uint8Array.from({ length: 4 * BLOCK }, (_, index) => (index * 7 + (index >> 9)) & 0xff);
const write = Transfer10Cdb.encode({ operationCode: 0x2a, transferLength: 4 });
const read = Transfer10Cdb.encode({ operationCode: 0x28, transferLength: 1 });
const keys = { InitialR2T: 'No', MaxConnections: '2', FirstBurstLength: '2048' };
const announced = { direction: 'write', length: DATA.length, final: false } as const;

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function logIn(served: ServedTarget, own: Record<string, string> = {}): Promise<RawInitiator> {
  const initiator = await served.connect();
  await initiator.login({ targetName: TARGET, keys: { ...keys, ...own } });
  return initiator;
}

async function join(served: ServedTarget, { tsih, cmdSN }: RawInitiator, cid: number): Promise<RawInitiator> {
  const initiator = await served.connect();
  initiator.cmdSN = cmdSN;
  await initiator.login({ targetName: TARGET, tsih, cid });
  return initiator;
}

/** Four Data-Out PDUs that nobody has asked for. */
function sendData(initiator: RawInitiator, tag: number): void {
  initiator.sendSequence(tag, DATA, 0xffff_ffff, 0, DATA.length, BLOCK);
}

test('a retry of a command that had come is ignored, and so is its data (RFC 7143 §7.2.1)', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const initiator = await logIn(served, { ErrorRecoveryLevel: '1' });
  const { cmdSN } = initiator;
  const tag = initiator.command(write, announced);
  sendData(initiator, tag);
  await device.holding(1);
  initiator.command(write, { ...announced, cmdSN, initiatorTaskTag: tag });
  sendData(initiator, tag);
  initiator.ping();
  await initiator.expect(Opcode.nopIn);
  device.releaseAll();
  assert.equal((await initiator.result(tag)).status, Status.good);
  assert.equal(device.held.length, 0, 'it was written once');
});

test('unsolicited data that was lost with its connection is asked for when the turn of its task comes (RFC 7143 §7.2.2)', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const lost = await logIn(served, { ErrorRecoveryLevel: '2', DefaultTime2Retain: '20' });
  const running = lost.command(read, { length: BLOCK });
  const tag = lost.command(write, { ...announced, attribute: TaskAttribute.ordered });
  await device.holding(1);
  lost.tcp.destroy();
  await lost.closed;
  await turns();
  const renewed = await join(served, lost, 1);
  renewed.cmdSN = lost.cmdSN;
  for (const task of [running, tag]) {
    renewed.manage(TaskManagementFunction.taskReassign, { referencedTaskTag: task });
    const { response } = await renewed.managed();
    assert.equal(response, TaskManagementResponseCode.functionComplete);
  }
  device.releaseAll();
  assert.equal((await renewed.result(running)).status, Status.good);
  const r2t = ReadyToTransfer.view((await renewed.expect(Opcode.readyToTransfer)).header);
  assert.deepEqual([r2t.bufferOffset, r2t.desiredDataTransferLength], [0, DATA.length]);
  renewed.sendSequence(tag, DATA, r2t.targetTransferTag, 0, DATA.length, BLOCK);
  await device.holding(1);
  device.releaseAll();
  assert.equal((await renewed.result(tag)).status, Status.good);
});
