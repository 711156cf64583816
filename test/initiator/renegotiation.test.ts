/** Data segments of another length, agreed upon after the login (RFC 7143 §6.4, §13.12). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { Initiator } from '../../src/initiator/initiator.ts';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import { DataIn, ScsiCommand, TextRequest, TextResponse } from '../../src/iscsi/pdu.ts';
import { decodeText, encodeText } from '../../src/iscsi/text.ts';
import { encodeLun } from '../../src/scsi/lun.ts';
import type { ScriptedPeer } from '../support/scripted-target.ts';
import { settled } from '../support/simulated-clock.ts';
import { serveTarget, TARGET } from '../target/served-target.ts';
import { lun, openSession, rig } from './support.ts';

const read10 = (blocks: number) => Uint8Array.of(0x28, 0, 0, 0, 0, 0, 0, 0, blocks, 0);

async function takeText(peer: ScriptedPeer): Promise<{ tag: number; text: string }> {
  const pdu = await peer.next();
  const { opcode, initiatorTaskTag } = TextRequest.view(pdu.header);
  assert.equal(opcode, Opcode.textRequest);
  const pairs = decodeText(Buffer.concat(pdu.data)).map(({ key, value }) => `${key}=${value}`);
  return { tag: initiatorTaskTag, text: pairs.join(' ') };
}

function answerText(peer: ScriptedPeer, initiatorTaskTag: number, key?: string, value = ''): void {
  const header = { opcode: Opcode.textResponse, final: true, initiatorTaskTag, targetTransferTag: RESERVED_TAG };
  peer.send(TextResponse.encode(header), encodeText(key === undefined ? [] : [{ key, value }]));
}

function sendData(peer: ScriptedPeer, initiatorTaskTag: number, length: number): void {
  const header = {
    opcode: Opcode.dataIn,
    final: true,
    hasStatus: true,
    initiatorTaskTag,
    targetTransferTag: RESERVED_TAG,
  };
  peer.send(DataIn.encode(header), new Uint8Array(length));
}

test('shorter segments hold from the target’s answer on: until then those of the old length may come', async () => {
  const { session, peer } = await openSession(rig());
  const declared = session.declareMaxRecvDataSegmentLength(4096);
  const { tag, text } = await takeText(peer);
  assert.equal(text, 'MaxRecvDataSegmentLength=4096');
  const running = session.execute({ lun, cdb: read10(16), readLength: 8192 });
  sendData(peer, ScsiCommand.view((await peer.next()).header).initiatorTaskTag, 8192);
  assert.equal((await running).dataLength, 8192);
  answerText(peer, tag);
  assert.equal(await declared, true);
  assert.equal(session.parameters.maxRecvDataSegmentLength, 4096);
  const late = session.execute({ lun, cdb: read10(16), readLength: 8192 });
  const rejected = assert.rejects(late, { code: 'ISCSI_DATA_TOO_LONG' });
  sendData(peer, ScsiCommand.view((await peer.next()).header).initiatorTaskTag, 8192);
  await rejected;
});

test('a target that refuses leaves everything as it was', async () => {
  for (const answer of ['Reject', 'NotUnderstood']) {
    const { session, peer } = await openSession(rig());
    const before = session.parameters.maxRecvDataSegmentLength;
    const declared = session.declareMaxRecvDataSegmentLength(before * 2);
    answerText(peer, (await takeText(peer)).tag, 'MaxRecvDataSegmentLength', answer);
    assert.equal(await declared, false);
    assert.equal(session.parameters.maxRecvDataSegmentLength, before);
  }
});

test('a target that repeats itself loses the session', async () => {
  const { session, peer } = await openSession(rig());
  const declared = assert.rejects(session.declareMaxRecvDataSegmentLength(4096), { code: 'ISCSI_KEY_REPEATED' });
  const { tag } = await takeText(peer);
  const pair = { key: 'MaxRecvDataSegmentLength', value: '512' };
  const header = { opcode: Opcode.textResponse, final: true, initiatorTaskTag: tag, targetTransferTag: RESERVED_TAG };
  peer.send(TextResponse.encode(header), encodeText([pair, pair]));
  await declared;
  assert.match(String(await session.closed), /twice/);
});

test('there is one text at a time (RFC 7143 §11.10)', async () => {
  const { session, peer } = await openSession(rig());
  const first = session.declareMaxRecvDataSegmentLength(4096);
  const second = session.exchangeText(encodeText([{ key: 'SendTargets', value: '' }]));
  const { tag } = await takeText(peer);
  await settled();
  assert.equal(peer.unread, 0);
  answerText(peer, tag);
  await first;
  const next = await takeText(peer);
  assert.equal(next.text, 'SendTargets=');
  answerText(peer, next.tag);
  await second;
});

test('before this project’s own target', async () => {
  const content = new Uint8Array(64 * 512).map((_, index) => index * 31);
  await using served = await serveTarget({ device: new MemoryDevice(content) });
  const { network, clock } = served;
  const initiator = new Initiator({ network, clock, initiatorName: 'iqn.2026-11.internal.test:initiator' });
  await using session = await initiator.login({ host: '192.0.2.1', port: 3260 }, TARGET);
  for (const length of [512, 600, 262_144]) {
    assert.equal(await session.declareMaxRecvDataSegmentLength(length), true);
    const result = await session.execute({ lun: encodeLun(0), cdb: read10(64), readLength: content.length });
    assert.ok(Buffer.concat(result.data).equals(content));
    assert.equal(result.data.length, Math.ceil(content.length / length));
  }
});
