/** When a key may be sent, by whom, and how often (RFC 7143 §6.2, §6.3, §12, §13). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LoginStatus } from '../../../src/iscsi/pdu.ts';
import { FULL, names, OPERATIONAL, RawLogin, SECURITY } from '../raw-login.ts';
import { serveTarget, TARGET } from '../served-target.ts';

const operational = {
  HeaderDigest: 'None',
  DataDigest: 'None',
  MaxConnections: '1',
  InitialR2T: 'Yes',
  ImmediateData: 'Yes',
  MaxRecvDataSegmentLength: '8192',
  MaxBurstLength: '262144',
  FirstBurstLength: '65536',
  DefaultTime2Wait: '2',
  DefaultTime2Retain: '20',
  MaxOutstandingR2T: '1',
  DataPDUInOrder: 'Yes',
  DataSequenceInOrder: 'Yes',
  ErrorRecoveryLevel: '0',
  TaskReporting: 'RFC3720',
  iSCSIProtocolLevel: '1',
} as const;

describe('operational keys', () => {
  for (const [key, value] of Object.entries(operational)) {
    test(`${key} in the security stage is a protocol error (RFC 7143 §12)`, async () => {
      await using served = await serveTarget();
      const login = await RawLogin.open(served, { stage: SECURITY });
      assert.equal((await login.request({ ...names, [key]: value })).status, LoginStatus.initiatorError);
    });
  }
});

describe('a second time in one login is an initiator error (RFC 7143 §6.3)', () => {
  const values = { ...operational, InitiatorAlias: 'me', 'X#NodeArchitecture': 'None', 'X-com.example.key': '1' };
  for (const [key, value] of Object.entries(values)) {
    test(`${key}: in one request and in two`, async () => {
      await using served = await serveTarget();
      const one = await RawLogin.open(served);
      const first = Object.entries(names).map(([key, value]) => ({ key, value }));
      const twice = [...first, { key, value }, { key, value }];
      assert.equal((await one.request(twice)).status, LoginStatus.initiatorError);
      const two = await RawLogin.open(served);
      assert.equal((await two.request([...first, { key, value }])).status, 0);
      assert.equal((await two.request({ [key]: value })).status, LoginStatus.initiatorError);
    });
  }

  for (const key of ['InitiatorName', 'TargetName'] as const) {
    test(`${key}, in the next stage (RFC 7143 §13.4, §13.5)`, async () => {
      await using served = await serveTarget();
      const login = await RawLogin.open(served);
      await login.request(names, { stage: SECURITY, to: OPERATIONAL });
      assert.equal((await login.request({ [key]: names[key] })).status, LoginStatus.initiatorError);
    });
  }
});

test('AuthMethod in the operational stage is a protocol error (RFC 7143 §12.1)', async () => {
  await using served = await serveTarget();
  const login = await RawLogin.open(served);
  assert.equal((await login.request({ ...names, AuthMethod: 'None' })).status, LoginStatus.initiatorError);
});

test('SendTargets belongs to the full feature phase (RFC 7143 §13.3)', async () => {
  await using served = await serveTarget();
  for (const stage of [SECURITY, OPERATIONAL]) {
    const login = await RawLogin.open(served, { stage });
    assert.equal((await login.request({ ...names, SendTargets: 'All' })).status, LoginStatus.initiatorError);
  }
});

test('keys that are the target’s to send are an initiator error (RFC 7143 §13.6, §13.8, §13.9)', async () => {
  await using served = await serveTarget();
  const targets = { TargetAlias: 'disk', TargetAddress: '192.0.2.1:3260,1', TargetPortalGroupTag: '1' };
  for (const [key, value] of Object.entries(targets)) {
    const login = await RawLogin.open(served);
    assert.equal((await login.request({ ...names, [key]: value })).status, LoginStatus.initiatorError, key);
  }
});

test('keys of any stage are taken in each of them (RFC 7143 §13)', async () => {
  await using served = await serveTarget();
  const any = { ...names, SessionType: 'Normal', InitiatorAlias: 'me', 'X#NodeArchitecture': 'None' };
  for (const stage of [SECURITY, OPERATIONAL]) {
    const login = await RawLogin.open(served, { stage });
    assert.equal((await login.request(any, { to: FULL })).status, 0);
  }
});

test('"Reject", "Irrelevant" and "NotUnderstood" are answers; who proposes them breaks the protocol (RFC 7143 §6.2)', async () => {
  await using served = await serveTarget();
  for (const key of ['HeaderDigest', 'ImmediateData', 'MaxBurstLength', 'MaxRecvDataSegmentLength', 'TaskReporting']) {
    for (const word of ['Reject', 'Irrelevant', 'NotUnderstood']) {
      const login = await RawLogin.open(served);
      const { status } = await login.request({ ...names, [key]: word });
      assert.equal(status, LoginStatus.initiatorError, `${key}=${word}`);
    }
  }
});

test('a key has at most 63 characters (RFC 7143 §6.1)', async () => {
  await using served = await serveTarget();
  const longest = 'X-'.padEnd(63, 'k');
  const login = await RawLogin.open(served);
  assert.equal((await login.request({ ...names, [longest]: '1' })).keys.get(longest), 'NotUnderstood');
  const tooLong = await RawLogin.open(served);
  assert.equal((await tooLong.request({ ...names, [`${longest}k`]: '1' })).status, LoginStatus.initiatorError);
});

test('a value has at most 255 bytes; each of a list counts for itself (RFC 7143 §6.1, §13.26.1)', async () => {
  await using served = await serveTarget();
  const long = 'v'.repeat(255);
  const taken = { InitiatorAlias: 'ä'.repeat(127), 'X#NodeArchitecture': long, HeaderDigest: `${long},${long},None` };
  const login = await RawLogin.open(served);
  assert.equal((await login.request({ ...names, ...taken })).status, 0);
  const refused = { InitiatorAlias: 'ä'.repeat(128), 'X#NodeArchitecture': `${long}v`, HeaderDigest: `${long}v,None` };
  for (const [key, value] of Object.entries(refused)) {
    const other = await RawLogin.open(served);
    assert.equal((await other.request({ ...names, [key]: value })).status, LoginStatus.initiatorError, key);
  }
});

test('private keys are not understood, in normal sessions and in discovery (RFC 7143 §13.22)', async () => {
  await using served = await serveTarget();
  const { TargetName: _, ...own } = names;
  for (const first of [names, { ...own, SessionType: 'Discovery' }]) {
    const login = await RawLogin.open(served);
    const { keys, status } = await login.request({ ...first, 'X-com.example.key': '1' }, { to: FULL });
    assert.equal(status, 0);
    assert.equal(keys.get('X-com.example.key'), 'NotUnderstood');
  }
});

test('X#NodeArchitecture changes nothing, and is not answered with another one (RFC 7143 §13.26.2)', async () => {
  await using served = await serveTarget();
  const answers: unknown[] = [];
  for (const more of [{}, { 'X#NodeArchitecture': 'ExampleOS/v1234' }, { 'X#NodeArchitecture': 'None' }]) {
    const login = await RawLogin.open(served);
    const { keys, status } = await login.request({ ...names, ...operational, ...more }, { to: FULL });
    answers.push({ status, keys: [...keys] });
  }
  const [without, ...others] = answers;
  for (const other of others) assert.deepEqual(other, without);
  assert.doesNotMatch(JSON.stringify(without), /NodeArchitecture/);
});

test('an alias of the target is told in a normal session (RFC 7143 §13.6)', async () => {
  await using served = await serveTarget({ alias: 'golden disk' });
  const login = await RawLogin.open(served);
  assert.equal((await login.request(names)).keys.get('TargetAlias'), 'golden disk');
  assert.equal(names.TargetName, TARGET);
});
