/** The stages of a login and the ways between them (RFC 7143 §6.3, §11.12.1, §11.12.3, §11.13.6). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LoginStatus } from '../../../src/iscsi/pdu.ts';
import { encodeText } from '../../../src/iscsi/text.ts';
import { FULL, names, OPERATIONAL, RawLogin, SECURITY } from '../raw-login.ts';
import { serveTarget } from '../served-target.ts';

/** No code of the standard (RFC 7143 §11.12.3). */
const RESERVED_STAGE = 2;

describe('transitions that exist (RFC 7143 §6.3)', () => {
  const ways: [string, [stage: number, to: number][]][] = [
    [
      'security, operational, full feature',
      [
        [SECURITY, OPERATIONAL],
        [OPERATIONAL, FULL],
      ],
    ],
    ['security, full feature', [[SECURITY, FULL]]],
    ['operational, full feature', [[OPERATIONAL, FULL]]],
  ];
  for (const [way, steps] of ways) {
    test(way, async () => {
      await using served = await serveTarget();
      const login = await RawLogin.open(served);
      for (const [index, [stage, to]] of steps.entries()) {
        const { status, header } = await login.request(index === 0 ? names : {}, { stage, to });
        assert.equal(status, 0);
        assert.deepEqual([header.transit, header.currentStage, header.nextStage], [true, stage, to]);
      }
      assert.equal(served.target.sessions.size, 1);
    });
  }
});

describe('transitions that do not exist are an initiator error (RFC 7143 §6.3)', () => {
  const wrong: [string, number, number][] = [
    ['security to security', SECURITY, SECURITY],
    ['operational to security', OPERATIONAL, SECURITY],
    ['operational to operational', OPERATIONAL, OPERATIONAL],
    ['security to a reserved code', SECURITY, RESERVED_STAGE],
    ['operational to a reserved code', OPERATIONAL, RESERVED_STAGE],
  ];
  for (const [way, stage, to] of wrong) {
    test(way, async () => {
      await using served = await serveTarget();
      const login = await RawLogin.open(served);
      assert.equal((await login.request(names, { stage, to })).status, LoginStatus.initiatorError);
      assert.equal(await login.raw.next(), undefined);
    });
  }
});

test('a login cannot begin in the full feature phase or in a reserved stage (RFC 7143 §6.3, §11.12.3)', async () => {
  await using served = await serveTarget();
  for (const stage of [RESERVED_STAGE, FULL]) {
    const login = await RawLogin.open(served, { stage });
    assert.equal((await login.request(names)).status, LoginStatus.initiatorError, `stage ${stage}`);
  }
});

test('a request of another stage than the one both are in is an initiator error (RFC 7143 §6.3)', async () => {
  await using served = await serveTarget();
  const login = await RawLogin.open(served);
  await login.request(names, { stage: SECURITY });
  assert.equal((await login.request({}, { stage: OPERATIONAL })).status, LoginStatus.initiatorError);
});

test('the target goes to no stage that it is not asked to go to; NSG counts only with T (RFC 7143 §11.12.3, §11.13.6)', async () => {
  await using served = await serveTarget();
  const login = await RawLogin.open(served);
  for (const keys of [names, {}, {}]) {
    const { status, header } = await login.request(keys, { stage: SECURITY, to: FULL, transit: false });
    assert.equal(status, 0);
    assert.deepEqual([header.transit, header.currentStage, header.nextStage], [false, SECURITY, 0]);
  }
  assert.equal((await login.request({}, { stage: SECURITY, to: FULL })).header.transit, true);
});

test('T in one request has no bearing on the next (RFC 7143 §6.3)', async () => {
  await using served = await serveTarget();
  // An answer of more than one PDU: the transition can only come with the last, and only if it is asked for then.
  const long = encodeText([
    { key: 'InitiatorName', value: names.InitiatorName },
    { key: 'TargetName', value: names.TargetName },
    ...Array.from({ length: 200 }, (_, i) => ({ key: `X-com.example.${'k'.repeat(40)}.${i}`, value: '' })),
  ]);
  const login = await RawLogin.open(served);
  await login.request(long.subarray(0, 8192), { more: true });
  const first = await login.request(long.subarray(8192), { to: FULL });
  assert.deepEqual([first.header.continue, first.header.transit], [true, false]);
  const rest = [first.text];
  for (let last = false; !last; ) {
    const { status, header, text } = await login.request({}, {});
    assert.equal(status, 0);
    assert.equal(header.transit, false, 'the request did not ask for it');
    rest.push(text);
    last = !header.continue;
  }
  assert.equal(
    Buffer.concat(rest)
      .toString()
      .match(/=NotUnderstood\0/g)?.length,
    200,
  );
  assert.equal((await login.request({}, { to: FULL })).header.transit, true);
});

test('a login of more requests than any initiator needs is ended (RFC 7143 §6.2)', async () => {
  await using served = await serveTarget();
  const login = await RawLogin.open(served);
  assert.equal((await login.request(names)).status, 0);
  // "SHOULD allow at least six (6) exchanges"
  for (let exchanges = 1; exchanges < 6; exchanges++) assert.equal((await login.request({})).status, 0);
  let status = 0;
  for (let more = 0; more < 100 && status === 0; more++) status = (await login.request({})).status;
  assert.equal(status, LoginStatus.initiatorError);
});

test('a response that refuses has neither T nor stages, and the connection ends (RFC 7143 §6.3.1, §11.13.5)', async () => {
  await using served = await serveTarget();
  const login = await RawLogin.open(served);
  const { status, header } = await login.request(
    { ...names, TargetName: 'iqn.2026-11.internal.test:none' },
    { to: FULL },
  );
  assert.equal(status, LoginStatus.notFound);
  assert.deepEqual([header.transit, header.continue, header.currentStage, header.nextStage], [false, false, 0, 0]);
  assert.equal(await login.raw.next(), undefined);
});
