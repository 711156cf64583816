/** Task management functions of the initiator, before a scripted target and before this project's own (RFC 7143 §4.2.3, RFC 7144). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Initiator } from '../../src/initiator/initiator.ts';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import {
  DataOut,
  ReadyToTransfer,
  ScsiCommand,
  ScsiResponse,
  TaskManagementFunction,
  TaskManagementRequest,
  TaskManagementResponse,
  TaskManagementResponseCode,
} from '../../src/iscsi/pdu.ts';
import { encodeLun } from '../../src/scsi/lun.ts';
import type { ScriptedPeer } from '../support/scripted-target.ts';
import { settled } from '../support/simulated-clock.ts';
import { HeldDevice } from '../target/held-device.ts';
import { serveTarget, TARGET } from '../target/served-target.ts';
import { lun, openSession, respond, rig } from './support.ts';

const { functionComplete, functionSucceeded, functionRejected } = TaskManagementResponseCode;
const testUnitReady = new Uint8Array(6);
const read10 = Uint8Array.of(0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
const write10 = Uint8Array.of(0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0);
const solicited = { InitialR2T: 'Yes', ImmediateData: 'No' };

async function startWrite(peer: ScriptedPeer): Promise<number> {
  return ScsiCommand.view((await peer.next()).header).initiatorTaskTag;
}

function solicit(peer: ScriptedPeer, initiatorTaskTag: number): void {
  const fields = { initiatorTaskTag, targetTransferTag: 5, bufferOffset: 0, desiredDataTransferLength: 512 };
  peer.send(ReadyToTransfer.encode({ opcode: Opcode.readyToTransfer, final: true, lun, ...fields }), undefined, false);
}

async function takeManagement(peer: ScriptedPeer) {
  return TaskManagementRequest.view((await peer.next()).header);
}

function answer(peer: ScriptedPeer, initiatorTaskTag: number, response: number): void {
  const header = { opcode: Opcode.taskManagementResponse, final: true, initiatorTaskTag, response };
  peer.send(TaskManagementResponse.encode(header));
}

test('the target gets the data that it asks for until it has answered, then the tasks end (RFC 7143 §4.2.3.3)', async () => {
  const { session, peer } = await openSession(rig(), solicited);
  const ended = assert.rejects(session.execute({ lun, cdb: write10, write: [new Uint8Array(512)] }), {
    code: 'ISCSI_TASK_ENDED',
  });
  const tag = await startWrite(peer);
  const managed = session.manage({ function: TaskManagementFunction.logicalUnitReset, lun });
  const request = await takeManagement(peer);
  assert.deepEqual([request.immediate, request.function, request.referencedTaskTag], [true, 5, RESERVED_TAG]);
  assert.deepEqual([...request.lun], [...lun]);
  solicit(peer, tag);
  assert.equal(DataOut.view((await peer.next()).header).targetTransferTag, 5);
  answer(peer, request.initiatorTaskTag, functionComplete);
  assert.deepEqual(await managed, { response: functionComplete, information: 0 });
  await ended;
});

test('with FastAbort no more data is sent for them (RFC 7143 §4.2.3.4 a)', async () => {
  const all = rig({}, { wishes: { taskReporting: 'FastAbort' } });
  const { session, peer } = await openSession(all, { ...solicited, TaskReporting: 'FastAbort' });
  assert.equal(session.parameters.taskReporting, 'FastAbort');
  const ended = assert.rejects(session.execute({ lun, cdb: write10, write: [new Uint8Array(512)] }), {
    code: 'ISCSI_TASK_ENDED',
  });
  const tag = await startWrite(peer);
  const managed = session.manage({ function: TaskManagementFunction.abortTaskSet, lun });
  const { initiatorTaskTag } = await takeManagement(peer);
  solicit(peer, tag);
  await settled();
  assert.equal(peer.unread, 0);
  answer(peer, initiatorTaskTag, functionComplete);
  await managed;
  await ended;
});

test('a function that is refused ends nothing, and held back data goes out', async () => {
  const all = rig({}, { wishes: { taskReporting: 'FastAbort' } });
  const { session, peer } = await openSession(all, { ...solicited, TaskReporting: 'FastAbort' });
  const answered = session.execute({ lun, cdb: write10, write: [new Uint8Array(512)] });
  const early = await startWrite(peer);
  const running = session.execute({ lun, cdb: write10, write: [new Uint8Array(512)] });
  const tag = await startWrite(peer);
  const managed = session.manage({ function: TaskManagementFunction.targetWarmReset });
  const { initiatorTaskTag } = await takeManagement(peer);
  solicit(peer, early);
  solicit(peer, tag);
  peer.send(ScsiResponse.encode({ opcode: Opcode.scsiResponse, final: true, initiatorTaskTag: early }));
  assert.equal((await answered).status, 0);
  answer(peer, initiatorTaskTag, functionRejected);
  assert.equal((await managed).response, functionRejected);
  assert.equal(DataOut.view((await peer.next()).header).initiatorTaskTag, tag);
  peer.send(ScsiResponse.encode({ opcode: Opcode.scsiResponse, final: true, initiatorTaskTag: tag }));
  assert.equal((await running).status, 0);
});

test('tasks at other units, and answers that come before the target’s, stay as they are', async () => {
  const { session, peer } = await openSession(rig());
  const other = session.execute({ lun: encodeLun(9), cdb: testUnitReady });
  const elsewhere = await peer.next();
  const same = session.execute({ lun, cdb: testUnitReady });
  const command = await peer.next();
  const managed = session.manage({ function: TaskManagementFunction.clearTaskSet, lun });
  const { initiatorTaskTag } = await takeManagement(peer);
  respond(peer, command);
  answer(peer, initiatorTaskTag, functionComplete);
  await managed;
  assert.equal((await same).status, 0);
  respond(peer, elsewhere);
  assert.equal((await other).status, 0);
});

test('what RFC 7144 adds is only asked of targets that have agreed to it', async () => {
  const { session, peer } = await openSession(rig());
  const { queryTaskSet } = TaskManagementFunction;
  await assert.rejects(session.manage({ function: queryTaskSet, lun }), { code: 'ISCSI_PROTOCOL_LEVEL' });
  assert.equal(peer.unread, 0);
});

const sense = Uint8Array.of(0x70, 0, 1, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x17, 0x01, 0, 0, 0, 0);

for (const level of [1, 2]) {
  test(`at level ${level} sense data of a good status and the Status Qualifier ${level < 2 ? 'are ignored' : 'reach the caller'} (RFC 7144 §5.2)`, async () => {
    const all = rig({}, { wishes: { iSCSIProtocolLevel: 2 } });
    const { session, peer } = await openSession(all, { iSCSIProtocolLevel: String(level) });
    const running = session.execute({ lun, cdb: testUnitReady });
    const { initiatorTaskTag } = ScsiCommand.view((await peer.next()).header);
    const data = Uint8Array.of(0, sense.length, ...sense);
    const header = { opcode: Opcode.scsiResponse, final: true, initiatorTaskTag, statusQualifier: 0x1234 };
    peer.send(ScsiResponse.encode(header), data);
    const result = await running;
    assert.deepEqual(
      [result.sense?.code, result.statusQualifier],
      level < 2 ? [undefined, undefined] : [0x1701, 0x1234],
    );
  });
}

test('before this project’s own target: FastAbort, queries and resets, agreed and done', async () => {
  const device = new HeldDevice(64 * 512);
  await using served = await serveTarget({ device });
  const { network, clock } = served;
  const wishes = { taskReporting: 'FastAbort', iSCSIProtocolLevel: 2, immediateData: false, initialR2T: true } as const;
  const initiatorName = 'iqn.2026-11.internal.test:initiator';
  const initiator = new Initiator({ network, clock, initiatorName, wishes });
  await using session = await initiator.login({ host: '192.0.2.1', port: 3260 }, TARGET);
  assert.deepEqual([session.parameters.taskReporting, session.parameters.iSCSIProtocolLevel], ['FastAbort', 2]);
  const own = encodeLun(0);
  const { queryTaskSet, queryAsynchronousEvent, logicalUnitReset } = TaskManagementFunction;
  const ask = async (fn: number): Promise<number> => (await session.manage({ function: fn, lun: own })).response;
  assert.equal(await ask(queryTaskSet), functionComplete);
  const ended = assert.rejects(session.execute({ lun: own, cdb: read10, readLength: 512 }), {
    code: 'ISCSI_TASK_ENDED',
  });
  await device.holding(1);
  assert.equal(await ask(queryTaskSet), functionSucceeded);
  const reset = ask(logicalUnitReset);
  await settled();
  device.releaseAll();
  assert.equal(await reset, functionComplete);
  await ended;
  const event = await session.manage({ function: queryAsynchronousEvent, lun: own });
  assert.deepEqual(event, { response: functionSucceeded, information: 0x16_2903 });

  // Another initiator clears the task set: this one is told by an Asynchronous Message, and goes on.
  const third = new Initiator({ network, clock, initiatorName: `${initiatorName}-2`, wishes });
  await using other = await third.login({ host: '192.0.2.1', port: 3260 }, TARGET);
  await session.execute({ lun: own, cdb: testUnitReady });
  const cleared = assert.rejects(session.execute({ lun: own, cdb: read10, readLength: 512 }), {
    code: 'ISCSI_TASK_ENDED',
  });
  await device.holding(1);
  const clearing = other.manage({ function: TaskManagementFunction.clearTaskSet, lun: own });
  await settled();
  device.releaseAll();
  assert.equal((await clearing).response, functionComplete);
  await cleared;
  const { sense: told } = await session.execute({ lun: own, cdb: testUnitReady });
  assert.equal(told?.code, 0x2f00);
});
