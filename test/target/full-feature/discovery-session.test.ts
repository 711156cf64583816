/** A discovery session takes SendTargets and "close the session", and nothing else (RFC 7143 §4.3, §7.4.3, §13.21). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import {
  BasicHeader,
  LogoutResponse,
  NopOut,
  Reject,
  RejectReason,
  ScsiCommand,
  TaskManagementFunction,
  TaskManagementRequest,
} from '../../../src/iscsi/pdu.ts';
import { settled } from '../../support/simulated-clock.ts';
import { ask, sendText } from '../raw-text.ts';
import { serveTarget, TARGET } from '../served-target.ts';

const record = [`TargetName=${TARGET}`, 'TargetAddress=192.0.2.1:3260,1'];
const common = { final: true, initiatorTaskTag: 99, cmdSN: 1 };

describe('is rejected as a protocol error, whatever CmdSN it carries, and counts for nothing (RFC 7143 §4.3, §7.3)', () => {
  const others: [string, Uint8Array][] = [
    ['a SCSI command', ScsiCommand.encode({ ...common, opcode: Opcode.scsiCommand })],
    ['an immediate SCSI command', ScsiCommand.encode({ ...common, opcode: Opcode.scsiCommand, immediate: true })],
    ['a ping', NopOut.encode({ ...common, opcode: Opcode.nopOut, targetTransferTag: RESERVED_TAG })],
    [
      'a task management request',
      TaskManagementRequest.encode({
        ...common,
        opcode: Opcode.taskManagementRequest,
        function: TaskManagementFunction.targetColdReset,
      }),
    ],
    ['a Data-Out', ScsiCommand.encode({ ...common, opcode: Opcode.dataOut })],
    ['a SNACK', ScsiCommand.encode({ ...common, opcode: Opcode.snackRequest })],
    ['a login', ScsiCommand.encode({ ...common, opcode: Opcode.loginRequest })],
    ['an opcode that does not exist', ScsiCommand.encode({ ...common, opcode: 0x1b })],
  ];
  for (const [what, header] of others) {
    test(what, async () => {
      await using served = await serveTarget();
      const raw = await served.login({}, { discovery: true });
      raw.send(header);
      const rejected = await raw.rejection();
      assert.equal(rejected.reason, RejectReason.protocolError);
      assert.deepEqual([...rejected.header], [...header]);
      const reply = await ask(raw, ['SendTargets=All'], { immediate: false });
      assert.deepEqual(reply.kind === 'text' && reply.pairs, record, 'the session goes on');
    });
  }
});

test('texts of other keys are rejected (RFC 7143 §4.3)', async () => {
  await using served = await serveTarget();
  const raw = await served.login({}, { discovery: true });
  for (const key of ['X-com.example.key', 'MaxRecvDataSegmentLength', 'sendTargets']) {
    assert.deepEqual(await ask(raw, [`${key}=1024`]), { kind: 'reject', reason: RejectReason.protocolError });
  }
});

test('"close the session" ends it; the other reasons are rejected (RFC 7143 §4.3)', async () => {
  await using served = await serveTarget();
  const raw = await served.login({}, { discovery: true });
  for (const reason of [1, 2]) {
    raw.logout(reason);
    assert.equal((await raw.rejection()).reason, RejectReason.protocolError);
  }
  raw.logout(0);
  const { response, time2Wait, time2Retain } = LogoutResponse.view((await raw.expect(Opcode.logoutResponse)).header);
  assert.deepEqual([response, time2Wait, time2Retain], [0, 0, 0]);
  await raw.closed;
});

test('the number of a rejected text counts as not received: the next takes its place (RFC 7143 §7.3)', async () => {
  await using served = await serveTarget();
  const raw = await served.login({}, { discovery: true });
  const { cmdSN } = raw;
  for (const wrong of ['X-com.example.key=1', 'SendTargets=']) {
    raw.cmdSN = cmdSN;
    assert.equal((await ask(raw, [wrong], { immediate: false })).kind, 'reject');
  }
  raw.cmdSN = cmdSN;
  const reply = await ask(raw, ['SendTargets=All'], { immediate: false });
  assert.equal(reply.kind === 'text' && reply.header.expCmdSN, cmdSN + 1);
});

test('a text that is rejected when one behind it has been taken leaves no hole (RFC 7143 §4.2.2.1)', async () => {
  const { promise, resolve } = Promise.withResolvers<string[]>();
  await using served = await serveTarget({ portal: { directory: { names: () => promise, find: () => undefined } } });
  const raw = await served.login({}, { discovery: true });
  sendText(raw, ['SendTargets='], { immediate: false });
  sendText(raw, ['SendTargets=All'], { immediate: false });
  await settled();
  resolve([TARGET]);
  const opcodes = [await raw.next(), await raw.next()].map((pdu) => pdu && BasicHeader.view(pdu.header).opcode);
  assert.deepEqual(opcodes, [Opcode.reject, Opcode.textResponse]);
  const reply = await ask(raw, ['SendTargets=All'], { immediate: false });
  assert.equal(reply.kind === 'text' && reply.header.expCmdSN, raw.cmdSN);
});

test('requests take their turn in CmdSN order here too', async () => {
  await using served = await serveTarget();
  const raw = await served.login({}, { discovery: true });
  for (let count = 0; count < 10; count++) {
    const reply = await ask(raw, ['SendTargets=All'], { immediate: false });
    assert.equal(reply.kind === 'text' && reply.header.expCmdSN, raw.cmdSN);
  }
});

test('immediate requests that wait for the directory are bounded, and answered when it answers (RFC 7143 §4.2.2.1)', async () => {
  const { promise, resolve } = Promise.withResolvers<string[]>();
  await using served = await serveTarget({ portal: { directory: { names: () => promise, find: () => undefined } } });
  const raw = await served.login({}, { discovery: true });
  const asked = 100;
  for (let count = 0; count < asked; count++) sendText(raw, ['SendTargets=All']);
  await settled();
  resolve([TARGET]);
  let answered = 0;
  for (let count = 0; count < asked; count++) {
    const { header } = (await raw.next()) ?? assert.fail('the connection ended');
    if (BasicHeader.view(header).opcode === Opcode.textResponse) answered += 1;
    else assert.equal(Reject.view(header).reason, RejectReason.immediateCommandReject);
  }
  assert.ok(answered > 0 && answered < 10, `${answered} answers`);
  assert.equal((await ask(raw, ['SendTargets=All'])).kind, 'text');
});
