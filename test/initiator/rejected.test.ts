/** A Reject leaves a gap where its command was: whoever sent that fills it (RFC 7143 §7.3, §11.17). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import {
  DataOut,
  ReadyToTransfer,
  Reject,
  RejectReason,
  ScsiCommand,
  TaskManagementFunction,
  TaskManagementResponseCode,
} from '../../src/iscsi/pdu.ts';
import type { Pdu } from '../../src/iscsi/pdu-reader.ts';
import type { ScriptedPeer } from '../support/scripted-target.ts';
import { settled } from '../support/simulated-clock.ts';
import { acceptAbort, lun, openSession, pattern, respond, rig } from './support.ts';

const testUnitReady = new Uint8Array(6);
const write = { lun, cdb: Uint8Array.of(0x2a, 0, 0, 0, 0, 0, 0, 0, 8, 0), write: [pattern(4096)] };

function reject(peer: ScriptedPeer, { header }: Pdu, reason: number = RejectReason.invalidPduField): void {
  peer.send(Reject.encode({ opcode: Opcode.reject, final: true, reason, initiatorTaskTag: RESERVED_TAG }), header);
}

const { functionComplete, taskDoesNotExist, functionRejected, functionNotSupported } = TaskManagementResponseCode;

for (const response of [functionComplete, taskDoesNotExist]) {
  test(`an ABORT TASK with its CmdSN fills the gap of a rejected command; it fails alone (response ${response})`, async () => {
    const { session, peer } = await openSession(rig());
    const running = session.execute({ lun, cdb: testUnitReady });
    const failed = assert.rejects(running, { code: 'ISCSI_REJECTED' });
    const command = await peer.next();
    const { initiatorTaskTag, cmdSN } = ScsiCommand.view(command.header);
    reject(peer, command);
    const abort = await acceptAbort(peer, response);
    assert.deepEqual([abort.function, abort.immediate], [TaskManagementFunction.abortTask, true]);
    assert.deepEqual([abort.referencedTaskTag, abort.refCmdSN], [initiatorTaskTag, cmdSN]);
    assert.deepEqual([...abort.lun], [...lun]);
    await failed;
    const next = session.execute({ lun, cdb: testUnitReady });
    const following = await peer.next();
    assert.equal(ScsiCommand.view(following.header).cmdSN, cmdSN + 1);
    respond(peer, following);
    assert.equal((await next).status, 0);
  });
}

test('a task whose data is rejected is ended at the target before it fails here', async () => {
  const { session, peer } = await openSession(rig(), { InitialR2T: 'Yes', ImmediateData: 'No' });
  let isOver = false;
  const running = session.execute(write).finally(() => {
    isOver = true;
  });
  const failed = assert.rejects(running, { code: 'ISCSI_REJECTED' });
  const { initiatorTaskTag } = ScsiCommand.view((await peer.next()).header);
  const r2t = { opcode: Opcode.readyToTransfer, final: true, lun, initiatorTaskTag, targetTransferTag: 3 };
  peer.send(ReadyToTransfer.encode({ ...r2t, desiredDataTransferLength: 4096 }), undefined, false);
  const data = await peer.next();
  assert.equal(DataOut.view(data.header).opcode, Opcode.dataOut);
  reject(peer, data, RejectReason.dataDigestError);
  // The same again, as for each of several PDUs.
  reject(peer, data, RejectReason.dataDigestError);
  await settled();
  assert.deepEqual([isOver, peer.unread], [false, 1]);
  await acceptAbort(peer);
  await failed;
  assert.equal(peer.unread, 0);
});

for (const response of [functionRejected, functionNotSupported]) {
  test(`a target that does not end the task (response ${response}) loses the session`, async () => {
    const all = rig({}, { timeouts: { command: 1000 } });
    const { session, peer } = await openSession(all);
    const late = assert.rejects(session.execute({ lun, cdb: testUnitReady }), { code: 'ISCSI_TIMEOUT' });
    const other = assert.rejects(session.execute({ lun, cdb: testUnitReady, timeout: 9000 }), {
      code: 'ISCSI_TIMEOUT',
    });
    await peer.next();
    await peer.next();
    await all.clock.pass(1000);
    await acceptAbort(peer, response);
    await Promise.all([late, other]);
    assert.equal(all.clock.pending, 0);
  });
}

test('a target that rejects the ABORT TASK as well loses the session', async () => {
  const all = rig();
  const { session, peer } = await openSession(all);
  const failed = assert.rejects(session.execute({ lun, cdb: testUnitReady }), { code: 'ISCSI_REJECTED' });
  reject(peer, await peer.next());
  reject(peer, await peer.next());
  await failed;
  assert.equal(all.clock.pending, 0);
  await session.closed;
});

test('a rejected text or ping is no command, and leaves no gap', async () => {
  const { session, peer } = await openSession(rig());
  const failed = assert.rejects(session.exchangeText(new Uint8Array(0)), { code: 'ISCSI_REJECTED' });
  reject(peer, await peer.next());
  await failed;
  await settled();
  assert.equal(peer.unread, 0);
});
