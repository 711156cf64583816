/** Text Requests and Responses: sequences, their bits and tags (RFC 7143 §6.2, §6.4, §11.10, §11.11). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import { RejectReason } from '../../../src/iscsi/pdu.ts';
import { encodeText } from '../../../src/iscsi/text.ts';
import { encodeLun } from '../../../src/scsi/index.ts';
import { ask, type TextReply } from '../raw-text.ts';
import { serveTarget, TARGET } from '../served-target.ts';

const record = [`TargetName=${TARGET}`, 'TargetAddress=192.0.2.1:3260,1'];

function text(reply: TextReply): Extract<TextReply, { kind: 'text' }> {
  return reply.kind === 'text' ? reply : assert.fail(`rejected with ${reply.reason}`);
}

test('one request, one response: F on both sides, its own task tag, no transfer tag, the next StatSN (RFC 7143 §11.11)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  const { expStatSN } = raw;
  const { header, pairs } = text(await ask(raw, ['SendTargets=All'], { tag: 0x1234 }));
  assert.deepEqual(pairs, record);
  assert.deepEqual([header.final, header.continue, header.initiatorTaskTag], [true, false, 0x1234]);
  assert.deepEqual([header.targetTransferTag, header.statSN], [RESERVED_TAG, expStatSN]);
});

test('who does not set F is not answered with F, and goes on by the transfer tag (RFC 7143 §11.11.1, §11.11.4)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  const open = text(await ask(raw, ['SendTargets=All'], { tag: 7, final: false }));
  assert.deepEqual(open.pairs, record);
  assert.equal(open.header.final, false);
  assert.notEqual(open.header.targetTransferTag, RESERVED_TAG);
  const { targetTransferTag } = open.header;
  const more = text(await ask(raw, ['X-com.example.key=1'], { tag: 7, final: false, targetTransferTag }));
  assert.deepEqual(more.pairs, ['X-com.example.key=NotUnderstood']);
  assert.equal(more.header.final, false);
  const end = text(await ask(raw, [], { tag: 7, targetTransferTag: more.header.targetTransferTag }));
  assert.deepEqual([end.header.final, end.header.targetTransferTag, end.text.length], [true, RESERVED_TAG, 0]);
});

test('a text with C goes on: each part is answered with an empty response (RFC 7143 §6.2)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  const bytes = encodeText([{ key: 'SendTargets', value: TARGET }]);
  let targetTransferTag = RESERVED_TAG;
  for (const at of [0, 5, 12]) {
    const part = bytes.subarray(at, at === 0 ? 5 : 12);
    if (part.length === 0) break;
    const { header, text: answer } = text(
      await ask(raw, part, { tag: 3, final: false, more: true, targetTransferTag }),
    );
    assert.deepEqual([answer.length, header.final, header.continue], [0, false, false]);
    assert.notEqual(header.targetTransferTag, RESERVED_TAG);
    targetTransferTag = header.targetTransferTag;
  }
  const end = text(await ask(raw, bytes.subarray(12), { tag: 3, targetTransferTag }));
  assert.deepEqual(end.pairs, record);
  assert.equal(end.header.final, true);
});

test('C and F together are rejected as a protocol error (RFC 7143 §11.10.2)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  const reply = await ask(raw, ['SendTargets=All'], { more: true, final: true });
  assert.deepEqual(reply, { kind: 'reject', reason: RejectReason.protocolError });
});

test('a long answer comes in parts, each asked for with the tag and LUN of the one before (RFC 7143 §11.10.4, §11.11.2)', async () => {
  await using served = await serveTarget();
  const raw = await served.login({ MaxRecvDataSegmentLength: '512' });
  const keys = Array.from({ length: 60 }, (_, i) => `X-com.example.key.${i}=1`);
  const lun = encodeLun(0x42);
  let reply = text(await ask(raw, keys, { tag: 9, lun }));
  const parts = [reply.text];
  while (!reply.header.final) {
    assert.equal(reply.header.continue, true);
    assert.equal(reply.header.initiatorTaskTag, 9);
    assert.ok(reply.text.length > 0 && reply.text.length <= 512, 'no more than the initiator takes');
    assert.deepEqual([...reply.header.lun], [...lun], 'the LUN goes with the tag');
    reply = text(await ask(raw, [], { tag: 9, lun, targetTransferTag: reply.header.targetTransferTag }));
    parts.push(reply.text);
  }
  assert.ok(parts.length > 2);
  assert.equal(reply.header.continue, false);
  assert.equal(
    Buffer.concat(parts)
      .toString()
      .match(/NotUnderstood/g)?.length,
    keys.length,
  );
});

test('the reserved transfer tag begins anew: what was gathered or left to send is forgotten (RFC 7143 §11.10.4)', async () => {
  await using served = await serveTarget();
  const raw = await served.login({ MaxRecvDataSegmentLength: '512' });
  await ask(raw, Buffer.from('SendTar'), { tag: 1, final: false, more: true });
  assert.deepEqual(text(await ask(raw, ['SendTargets='], { tag: 1 })).pairs, record);
  const keys = Array.from({ length: 60 }, (_, i) => `X-com.example.key.${i}=1`);
  const long = text(await ask(raw, keys, { tag: 2 }));
  assert.deepEqual(text(await ask(raw, ['SendTargets='], { tag: 2 })).pairs, record);
  const stale = await ask(raw, [], { tag: 2, targetTransferTag: long.header.targetTransferTag });
  assert.equal(stale.kind, 'reject');
});

test('a transfer tag that was never given, or was given to another task, is rejected (RFC 7143 §11.10.3, §11.17.1)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  assert.equal((await ask(raw, [], { targetTransferTag: 77 })).kind, 'reject');
  const { targetTransferTag } = text(await ask(raw, ['SendTargets='], { tag: 5, final: false })).header;
  assert.equal((await ask(raw, [], { tag: 6, targetTransferTag })).kind, 'reject');
  assert.equal(text(await ask(raw, ['SendTargets='])).header.final, true, 'the session goes on');
});

test('the number of a rejected text counts as not received: the next takes its place (RFC 7143 §7.3)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  const { cmdSN } = raw;
  const wrong = await ask(raw, [], { immediate: false, targetTransferTag: 77 });
  assert.deepEqual(wrong, { kind: 'reject', reason: RejectReason.protocolError });
  raw.cmdSN = cmdSN;
  assert.equal(text(await ask(raw, ['SendTargets='], { immediate: false })).header.expCmdSN, cmdSN + 1);
});

test('a key that comes twice in one sequence is rejected as a protocol error (RFC 7143 §6.4)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  const twice = await ask(raw, ['X-com.example.key=1', 'X-com.example.key=2']);
  assert.deepEqual(twice, { kind: 'reject', reason: RejectReason.protocolError });
  const { targetTransferTag } = text(await ask(raw, ['X-com.example.key=1'], { tag: 5, final: false })).header;
  const later = await ask(raw, ['X-com.example.key=1'], { tag: 5, targetTransferTag });
  assert.deepEqual(later, { kind: 'reject', reason: RejectReason.protocolError });
  assert.deepEqual(text(await ask(raw, ['X-com.example.key=1'])).pairs, ['X-com.example.key=NotUnderstood']);
});

test('what is no text, or never ends, is rejected, and the session goes on (RFC 7143 §6.4, §7.12)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  assert.equal((await ask(raw, Buffer.from('rubbish\0'))).kind, 'reject');
  let reply: TextReply | undefined;
  let targetTransferTag = RESERVED_TAG;
  for (let sent = 0; sent < 1 << 20 && reply?.kind !== 'reject'; sent += 8192) {
    reply = await ask(raw, Buffer.alloc(8192, 'X'), { tag: 1, final: false, more: true, targetTransferTag });
    if (reply.kind === 'text') targetTransferTag = reply.header.targetTransferTag;
  }
  assert.equal(reply?.kind, 'reject');
  assert.deepEqual(text(await ask(raw, ['SendTargets='])).pairs, record);
});

test('keys of the login are not negotiated again; what is not known is not understood (RFC 7143 §6.2, §13)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  for (const line of [
    'InitialR2T=No',
    'MaxBurstLength=512',
    'HeaderDigest=CRC32C',
    'AuthMethod=None',
    'MaxConnections=2',
  ]) {
    const { pairs } = text(await ask(raw, [line]));
    assert.deepEqual(pairs, [`${line.split('=')[0]}=Reject`]);
  }
  assert.deepEqual(text(await ask(raw, ['X-com.example.key=1'])).pairs, ['X-com.example.key=NotUnderstood']);
});

test('a Text Request may take its turn in CmdSN order like any command (RFC 7143 §4.2.2.1)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  const { header } = text(await ask(raw, ['SendTargets='], { immediate: false }));
  assert.equal(header.expCmdSN, raw.cmdSN);
  assert.equal((await raw.run(new Uint8Array(16))).status, 0);
});
