/** What the initiator does when the target sends an Asynchronous Message (RFC 7143 §11.9.1). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import {
  AsyncEvent,
  AsyncMessage,
  LogoutRequest,
  NopOut,
  ReadyToTransfer,
  ScsiCommand,
  TextRequest,
  TextResponse,
} from '../../src/iscsi/pdu.ts';
import { encodeText } from '../../src/iscsi/text.ts';
import type { ScriptedPeer } from '../support/scripted-target.ts';
import { settled } from '../support/simulated-clock.ts';
import { acceptLogout, lun, opcodeOf, openSession, respond, rig } from './support.ts';

const testUnitReady = new Uint8Array(6);
const write10 = Uint8Array.of(0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0);
const otherLun = Uint8Array.of(0, 2, 0, 0, 0, 0, 0, 0);

function say(peer: ScriptedPeer, asyncEvent: number, values: Parameters<typeof AsyncMessage.encode>[0] = {}): void {
  const header = { opcode: Opcode.asyncMessage, final: true, initiatorTaskTag: RESERVED_TAG, asyncEvent };
  peer.send(AsyncMessage.encode({ ...header, ...values }));
}

test('a logout is given when what was sent has ended, and what was not sent is refused (event 1)', async () => {
  const all = rig();
  const { session, peer } = await openSession(all);
  peer.window = 1;
  const running = session.execute({ lun, cdb: testUnitReady });
  const command = await peer.next();
  const many = Array.from({ length: 40 }, () => session.execute({ lun, cdb: testUnitReady }));
  const refused = Promise.all(many.slice(31).map((each) => assert.rejects(each, { code: 'ISCSI_LOGOUT_REQUESTED' })));
  await settled();
  say(peer, AsyncEvent.logoutRequested, { parameter3: 10 });
  await refused;
  await assert.rejects(session.execute({ lun, cdb: testUnitReady }), { code: 'ISCSI_LOGOUT_REQUESTED' });
  assert.equal(session.isOpen, false);
  respond(peer, command);
  assert.equal((await running).status, 0);
  for (let sent = 0; sent < 31; sent++) respond(peer, await peer.next());
  const logout = LogoutRequest.view((await acceptLogout(peer)).header);
  assert.deepEqual([logout.opcode, logout.reason], [Opcode.logoutRequest, 0]);
  assert.equal(await session.closed, undefined);
  await settled();
  assert.equal(all.clock.pending, 0);
});

test('a logout does not wait longer than the target does (event 1, Parameter3)', async () => {
  const all = rig();
  const { session, peer } = await openSession(all);
  const stuck = assert.rejects(session.execute({ lun, cdb: testUnitReady }), { code: 'ISCSI_SESSION_CLOSED' });
  await peer.next();
  say(peer, AsyncEvent.logoutRequested, { parameter3: 4 });
  await all.clock.pass(1_999);
  assert.equal(peer.unread, 0);
  await all.clock.pass(1);
  await acceptLogout(peer);
  assert.equal(await session.closed, undefined);
  await stuck;
});

test('a dropped connection is given up when it is this one (event 2)', async () => {
  const { session, peer } = await openSession(rig());
  const running = session.execute({ lun, cdb: testUnitReady });
  const command = await peer.next();
  say(peer, AsyncEvent.connectionDropped, { parameter1: 7 });
  respond(peer, command);
  assert.equal((await running).status, 0, 'another connection is none of its business');
  const lost = assert.rejects(session.execute({ lun, cdb: testUnitReady }), {
    code: 'ISCSI_SESSION_DROPPED',
    time2Wait: 9,
  });
  await peer.next();
  say(peer, AsyncEvent.connectionDropped, { parameter1: session.identity.cid, parameter2: 9 });
  await lost;
});

test('a dropped session takes everything with it (event 3)', async () => {
  const { session, peer } = await openSession(rig());
  const lost = assert.rejects(session.execute({ lun, cdb: testUnitReady }), {
    code: 'ISCSI_SESSION_DROPPED',
    time2Wait: 3,
  });
  await peer.next();
  say(peer, AsyncEvent.sessionDropped, { parameter2: 3 });
  await lost;
});

test('a request to negotiate is answered by an empty text, and what the target declares holds (event 4)', async () => {
  const { session, peer } = await openSession(rig(), { MaxRecvDataSegmentLength: '8192', ImmediateData: 'Yes' });
  say(peer, AsyncEvent.renegotiate, { parameter3: 10 });
  const request = await peer.next();
  const { opcode, final, initiatorTaskTag } = TextRequest.view(request.header);
  assert.deepEqual([opcode, final, request.dataLength], [Opcode.textRequest, true, 0]);
  const text = encodeText([{ key: 'MaxRecvDataSegmentLength', value: '512' }]);
  const answer = { opcode: Opcode.textResponse, final: true, initiatorTaskTag, targetTransferTag: RESERVED_TAG };
  peer.send(TextResponse.encode(answer), text);
  await settled();
  assert.equal(session.parameters.maxSendDataSegmentLength, 512);
  const running = session.execute({ lun, cdb: write10, write: [new Uint8Array(1024)] });
  const command = await peer.next();
  assert.equal(command.dataLength, 512);
  respond(peer, command);
  await running;
});

test('a text that is under way is answer enough to a request to negotiate (event 4)', async () => {
  const { session, peer } = await openSession(rig());
  const exchange = session.exchangeText(encodeText([{ key: 'SendTargets', value: '' }]));
  const { initiatorTaskTag } = TextRequest.view((await peer.next()).header);
  say(peer, AsyncEvent.renegotiate);
  await settled();
  assert.equal(peer.unread, 0);
  const answer = { opcode: Opcode.textResponse, final: true, initiatorTaskTag, targetTransferTag: RESERVED_TAG };
  peer.send(TextResponse.encode(answer));
  await exchange;
  await settled();
  assert.equal(peer.unread, 0);
});

test('tasks that the target ends at a unit fail, are sent nothing more, and the message is acknowledged (event 5)', async () => {
  const { session, peer } = await openSession(rig(), { InitialR2T: 'Yes', ImmediateData: 'No' });
  const data = [new Uint8Array(512)];
  const ended = assert.rejects(session.execute({ lun, cdb: write10, write: data }), { code: 'ISCSI_TASK_ENDED' });
  const { initiatorTaskTag } = ScsiCommand.view((await peer.next()).header);
  const elsewhere = session.execute({ lun: otherLun, cdb: testUnitReady });
  const other = await peer.next();
  // The target has not received this one when it ends the others: its ExpCmdSN says so.
  const { expCmdSN } = peer;
  const later = session.execute({ lun, cdb: testUnitReady });
  const notYet = await peer.next();
  peer.expCmdSN = expCmdSN;
  const { statSN } = peer;
  say(peer, AsyncEvent.taskTermination, { lun });
  await ended;
  const r2t = { initiatorTaskTag, targetTransferTag: 1, bufferOffset: 0, desiredDataTransferLength: 512 };
  peer.send(ReadyToTransfer.encode({ opcode: Opcode.readyToTransfer, final: true, lun, ...r2t }), undefined, false);
  const answer = NopOut.view((await peer.next()).header);
  assert.deepEqual([answer.opcode, answer.immediate], [Opcode.nopOut, true]);
  assert.deepEqual([answer.initiatorTaskTag, answer.targetTransferTag], [RESERVED_TAG, RESERVED_TAG]);
  assert.deepEqual([...answer.lun], [...lun]);
  assert.equal(answer.expStatSN, statSN + 1, 'it acknowledges the message');
  for (const command of [other, notYet]) respond(peer, command);
  assert.deepEqual(
    (await Promise.all([elsewhere, later])).map(({ status }) => status),
    [0, 0],
  );
  assert.equal(peer.unread, 0, 'no data for the ended one');
});

test('events that are not known change nothing', async () => {
  const { session, peer } = await openSession(rig());
  for (const event of [AsyncEvent.scsi, 6, AsyncEvent.vendorSpecific]) say(peer, event);
  const running = session.execute({ lun, cdb: testUnitReady });
  const command = await peer.next();
  assert.equal(opcodeOf(command), Opcode.scsiCommand);
  respond(peer, command);
  assert.equal((await running).status, 0);
});
