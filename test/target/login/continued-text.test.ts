/** Texts that go over several PDUs of a login, in both directions (RFC 7143 §6.1, §6.2, §11.12.2, §11.13.7). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoginStatus } from '../../../src/iscsi/pdu.ts';
import { decodeText, encodeText } from '../../../src/iscsi/text.ts';
import { FULL, names, RawLogin } from '../raw-login.ts';
import { serveTarget } from '../served-target.ts';

const whole = encodeText([
  { key: 'InitiatorName', value: names.InitiatorName },
  { key: 'TargetName', value: names.TargetName },
  { key: 'MaxBurstLength', value: '65536' },
]);

/** As many unknown keys as make an answer of more than one PDU. */
const many = Array.from({ length: 200 }, (_, i) => ({ key: `X-com.example.${'k'.repeat(40)}.${i}`, value: '' }));

test('a request with C is answered with an empty response; pairs may break off anywhere (RFC 7143 §6.2)', async () => {
  await using served = await serveTarget();
  for (const at of [1, 7, 13, 14, 60, whole.length - 1]) {
    const login = await RawLogin.open(served, { isid: `8000000000${at.toString(16).padStart(2, '0')}` });
    const partial = await login.request(whole.subarray(0, at), { more: true });
    assert.equal(partial.status, 0);
    assert.deepEqual([partial.header.continue, partial.header.transit, partial.text.length], [false, false, 0]);
    const { header, keys } = await login.request(whole.subarray(at), { to: FULL });
    assert.equal(header.transit, true);
    assert.equal(keys.get('MaxBurstLength'), '65536');
  }
});

test('nothing is answered, and no portal group named, before the text is whole (RFC 7143 §6.3.1)', async () => {
  await using served = await serveTarget();
  const login = await RawLogin.open(served);
  for (let at = 0; at < 40; at += 10) {
    assert.equal((await login.request(whole.subarray(at, at + 10), { more: true })).text.length, 0);
  }
  assert.equal((await login.request(whole.subarray(40))).keys.get('TargetPortalGroupTag'), '1');
});

test('a request with C and T is an initiator error (RFC 7143 §6.2, §11.12.2)', async () => {
  await using served = await serveTarget();
  const login = await RawLogin.open(served);
  assert.equal((await login.request(whole, { more: true, to: FULL })).status, LoginStatus.initiatorError);
});

test('a long answer goes over several responses with C and without T, each asked for by an empty request (RFC 7143 §6.2, §11.13.7)', async () => {
  await using served = await serveTarget();
  const login = await RawLogin.open(served);
  await login.request(encodeText(many).subarray(0, 8000), { more: true });
  await login.request(Buffer.concat([encodeText(many).subarray(8000), whole]), { more: true });
  let reply = await login.request({}, { to: FULL });
  const answer = [reply.text];
  while (reply.header.continue) {
    assert.equal(reply.header.transit, false);
    assert.ok(reply.text.length > 0 && reply.text.length <= 8192, 'no more than the default MaxRecvDataSegmentLength');
    reply = await login.request({}, { to: FULL });
    answer.push(reply.text);
  }
  assert.ok(answer.length > 1);
  assert.equal(reply.header.transit, true);
  const pairs = decodeText(Buffer.concat(answer));
  assert.equal(pairs.filter(({ value }) => value === 'NotUnderstood').length, many.length);
});

test('who is still being answered has nothing to say: text in the place of an empty request is an initiator error (RFC 7143 §6.2)', async () => {
  await using served = await serveTarget();
  const login = await RawLogin.open(served);
  const text = Buffer.concat([whole, encodeText(many)]);
  await login.request(text.subarray(0, 8000), { more: true });
  assert.equal((await login.request(text.subarray(8000))).header.continue, true);
  assert.equal((await login.request({ ImmediateData: 'No' })).status, LoginStatus.initiatorError);
});

test('a data segment of a login has 8192 bytes at most: one that is longer ends the connection (RFC 7143 §13.12)', async () => {
  await using served = await serveTarget();
  const text = encodeText([...Object.entries(names).map(([key, value]) => ({ key, value })), ...many]);
  const taken = await RawLogin.open(served);
  assert.equal((await taken.request(text.subarray(0, 8192), { more: true })).status, 0);
  const refused = await RawLogin.open(served);
  assert.equal(await refused.ask(text.subarray(0, 8193), { more: true }), undefined);
});

test('a text of 64 KiB is taken, one that never ends is not (RFC 7143 §6.1)', async () => {
  await using served = await serveTarget();
  const long = Buffer.alloc(65_536 - whole.length, 'X-long=');
  long.fill('v', 7);
  long[long.length - 1] = 0;
  const text = Buffer.concat([whole, long]);
  assert.equal(text.length, 65_536);
  const login = await RawLogin.open(served);
  for (let at = 0; at < text.length - 8192; at += 8192)
    await login.request(text.subarray(at, at + 8192), { more: true });
  assert.equal((await login.request(text.subarray(-8192))).keys.get('X-long'), 'NotUnderstood');

  const endless = await RawLogin.open(served);
  let status = 0;
  let taken = 0;
  for (; status === 0 && taken < 1 << 20; taken += 8192) {
    status = (await endless.request(text.subarray(0, 8192), { more: true })).status;
  }
  assert.equal(status, LoginStatus.initiatorError);
  assert.equal(taken, 65_536 + 8192);
});

test('what is no pair, or no UTF-8, is an initiator error; a last NUL that is missing is not missed (RFC 7143 §6.1, §7.10)', async () => {
  await using served = await serveTarget();
  for (const bytes of [Buffer.from('rubbish\0'), Buffer.from('=value\0'), Buffer.from([0x41, 0x3d, 0xff, 0xfe, 0])]) {
    const login = await RawLogin.open(served);
    assert.equal(
      (await login.request(Buffer.concat([whole, bytes]))).status,
      LoginStatus.initiatorError,
      bytes.toString(),
    );
  }
  const login = await RawLogin.open(served);
  const { keys } = await login.request(whole.subarray(0, -1));
  assert.equal(keys.get('MaxBurstLength'), '65536');
});
