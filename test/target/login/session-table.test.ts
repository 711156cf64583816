/** What ISID, TSIH and CID of a login ask for: the table of RFC 7143 §6.3.1, row by row. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoginStatus } from '../../../src/iscsi/pdu.ts';
import { names, RawLogin } from '../raw-login.ts';
import { type ServedTarget, serveTarget } from '../served-target.ts';

const OLD = '800000000001';
const NEW = '800000000002';

async function firstSession(served: ServedTarget, maxConnections = '2'): Promise<{ login: RawLogin; tsih: number }> {
  const login = await RawLogin.open(served, { isid: OLD });
  const { header } = await login.complete({ ...names, MaxConnections: maxConnections });
  return { login, tsih: header.tsih };
}

/** How the owner was told of it. */
const told = ({ events }: ServedTarget): string | undefined =>
  events.findLast(({ kind }) => kind === 'login' || kind === 'connection joined' || kind === 'login failed')?.kind;

test('new ISID, TSIH not 0: "session does not exist"', async () => {
  await using served = await serveTarget();
  const { tsih } = await firstSession(served);
  const login = await RawLogin.open(served, { isid: NEW, tsih });
  assert.equal((await login.complete()).status, LoginStatus.sessionDoesNotExist);
  assert.equal(told(served), 'login failed');
  assert.equal(served.target.sessions.size, 1);
});

test('new ISID, TSIH 0: a new session', async () => {
  await using served = await serveTarget();
  const { tsih } = await firstSession(served);
  const login = await RawLogin.open(served, { isid: NEW });
  const { status, header } = await login.complete();
  assert.equal(status, 0);
  assert.notEqual(header.tsih, tsih);
  assert.equal(served.target.sessions.size, 2);
});

test('existing ISID, TSIH 0: the session is reinstated', async () => {
  await using served = await serveTarget();
  const { login: old, tsih } = await firstSession(served);
  const login = await RawLogin.open(served, { isid: OLD });
  const { status, header } = await login.complete();
  assert.equal(status, 0);
  assert.notEqual(header.tsih, tsih);
  await old.raw.closed;
  assert.equal(served.target.sessions.size, 1);
  assert.ok(served.events.some((event) => event.kind === 'login' && event.reinstates));
});

test('existing ISID and TSIH, new CID: one more connection', async () => {
  await using served = await serveTarget();
  const { login: old, tsih } = await firstSession(served);
  const login = await RawLogin.open(served, { isid: OLD, tsih, cid: 2 });
  assert.equal((await login.complete()).status, 0);
  assert.equal(told(served), 'connection joined');
  old.raw.ping();
  assert.notEqual(await old.raw.next(), undefined, 'the first connection goes on');
  assert.equal([...served.target.sessions][0]?.connections.open().length, 2);
});

test('existing ISID, TSIH and CID: the connection is reinstated', async () => {
  await using served = await serveTarget();
  const { login: old, tsih } = await firstSession(served);
  const login = await RawLogin.open(served, { isid: OLD, tsih, cid: 1 });
  assert.equal((await login.complete()).status, 0);
  await old.raw.closed;
  assert.equal(served.target.sessions.size, 1);
  assert.equal([...served.target.sessions][0]?.connections.open().length, 1);
});

test('existing ISID, new TSIH: "session does not exist"', async () => {
  await using served = await serveTarget();
  const { tsih } = await firstSession(served);
  const login = await RawLogin.open(served, { isid: OLD, tsih: tsih + 1 });
  assert.equal((await login.complete()).status, LoginStatus.sessionDoesNotExist);
  assert.equal(served.target.sessions.size, 1);
});

test('an ISID of another initiator is a new one: name and ISID together are the port (RFC 7143 §4.4.3)', async () => {
  await using served = await serveTarget();
  await firstSession(served);
  const login = await RawLogin.open(served, { isid: OLD });
  const other = { ...names, InitiatorName: 'iqn.2026-11.internal.test:other' };
  assert.equal((await login.complete(other)).status, 0);
  assert.equal(served.target.sessions.size, 2);
});

test('nobody joins a discovery session (RFC 7143 §13.21)', async () => {
  await using served = await serveTarget();
  const discovery = { InitiatorName: names.InitiatorName, SessionType: 'Discovery' };
  const first = await RawLogin.open(served);
  const { tsih } = (await first.complete(discovery)).header;
  for (const keys of [discovery, { ...discovery, TargetName: names.TargetName }, names]) {
    const login = await RawLogin.open(served, { tsih, cid: 2 });
    assert.equal((await login.complete(keys)).status, LoginStatus.sessionDoesNotExist);
  }
});

test('more connections than were agreed on are too many; one that takes the place of another is not one more (RFC 7143 §11.13.5, §6.3.4)', async () => {
  await using served = await serveTarget();
  const { tsih } = await firstSession(served, '1');
  const more = await RawLogin.open(served, { isid: OLD, tsih, cid: 2 });
  assert.equal((await more.complete()).status, LoginStatus.tooManyConnections);
  const instead = await RawLogin.open(served, { isid: OLD, tsih, cid: 1 });
  assert.equal((await instead.complete()).status, 0);
});

test('one more connection cannot say again what holds for the session (RFC 7143 §13)', async () => {
  await using served = await serveTarget();
  const { tsih } = await firstSession(served, '4');
  const leadingOnly = [
    'MaxConnections=2',
    'InitialR2T=No',
    'ImmediateData=No',
    'MaxBurstLength=512',
    'FirstBurstLength=512',
    'DefaultTime2Wait=0',
    'DefaultTime2Retain=0',
    'MaxOutstandingR2T=1',
    'DataPDUInOrder=Yes',
    'DataSequenceInOrder=Yes',
    'ErrorRecoveryLevel=0',
    'TaskReporting=RFC3720,ResponseFence',
    'iSCSIProtocolLevel=1',
    'X#NodeArchitecture=None',
  ];
  for (const text of leadingOnly) {
    const [key = '', value = ''] = text.split('=');
    const login = await RawLogin.open(served, { isid: OLD, tsih, cid: 2 });
    assert.equal((await login.complete({ ...names, [key]: value })).status, LoginStatus.initiatorError, text);
  }
  const login = await RawLogin.open(served, { isid: OLD, tsih, cid: 2 });
  // Windows says so with every connection.
  const own = {
    ...names,
    SessionType: 'Normal',
    HeaderDigest: 'CRC32C',
    DataDigest: 'None',
    MaxRecvDataSegmentLength: '512',
  };
  assert.equal((await login.complete(own)).status, 0, 'what is the connection’s own');
});
