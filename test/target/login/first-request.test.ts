/** What the first Login Request of a connection must say, and what comes before it (RFC 7143 §4.2.4, §6.3, §11.12). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opcode } from '../../../src/iscsi/opcode.ts';
import { LoginStatus } from '../../../src/iscsi/pdu.ts';
import { INITIATOR } from '../raw-initiator.ts';
import { FULL, names, RawLogin, SECURITY } from '../raw-login.ts';
import { serveTarget, TARGET } from '../served-target.ts';

test('a request with both names and the end in sight is a whole login (RFC 7143 §6.3)', async () => {
  await using served = await serveTarget();
  const login = await RawLogin.open(served);
  const { status, header } = await login.complete();
  assert.equal(status, 0);
  assert.deepEqual([header.transit, header.currentStage, header.nextStage], [true, 1, FULL]);
  assert.equal(served.target.sessions.size, 1);
});

test('without a name that must be there, the login ends with "missing parameter" (RFC 7143 §6.3, §11.13.5)', async () => {
  await using served = await serveTarget();
  const incomplete = [
    { TargetName: TARGET },
    { InitiatorName: INITIATOR },
    { InitiatorName: '', TargetName: TARGET },
    {},
  ];
  for (const keys of incomplete) {
    const login = await RawLogin.open(served);
    assert.equal((await login.complete(keys)).status, LoginStatus.missingParameter, JSON.stringify(keys));
    await login.raw.closed;
  }
});

test('only a discovery session may leave out the TargetName (RFC 7143 §4.2.7.1)', async () => {
  await using served = await serveTarget();
  const login = await RawLogin.open(served);
  assert.equal((await login.complete({ InitiatorName: INITIATOR, SessionType: 'Discovery' })).status, 0);
});

test('names are wanted of every connection, not only the first of a session (RFC 7143 §6.3, §13.5)', async () => {
  await using served = await serveTarget();
  const first = await RawLogin.open(served);
  const { header } = await first.complete({ ...names, MaxConnections: '2' });
  const { tsih } = header;
  for (const keys of [{ TargetName: TARGET }, { InitiatorName: INITIATOR }]) {
    const second = await RawLogin.open(served, { tsih, cid: 2 });
    assert.equal((await second.complete(keys)).status, LoginStatus.missingParameter);
  }
});

test('a name has at most 255 bytes, and a longer one is not cited to whoever is told (RFC 7143 §6.1)', async () => {
  for (const key of ['InitiatorName', 'TargetName', 'SessionType']) {
    await using served = await serveTarget();
    const login = await RawLogin.open(served);
    const reply = await login.complete({ ...names, [key]: `iqn.2026-11.${'x'.repeat(6000)}` });
    assert.equal(reply.status, LoginStatus.initiatorError, key);
    await login.raw.closed;
    const told = served.events.flatMap((event) => (event.kind === 'login failed' ? event.error.message : []));
    assert.deepEqual(told, [`a value of ${key} is longer than 255 bytes`]);
  }
});

test('a SessionType that does not exist is not supported (RFC 7143 §11.13.5)', async () => {
  await using served = await serveTarget();
  const login = await RawLogin.open(served);
  assert.equal((await login.complete({ ...names, SessionType: 'Boot' })).status, LoginStatus.sessionTypeNotSupported);
});

test('what a session is for is said at its beginning: SessionType and TargetName come too late afterwards (RFC 7143 §13.21)', async () => {
  await using served = await serveTarget();
  const late = [
    [names, { SessionType: 'Discovery' }],
    [{ InitiatorName: INITIATOR, SessionType: 'Discovery' }, { TargetName: TARGET }],
  ] as const;
  for (const [first, second] of late) {
    const login = await RawLogin.open(served);
    assert.equal((await login.request(first)).status, 0);
    assert.equal((await login.request(second)).status, LoginStatus.initiatorError, Object.keys(second).join());
  }
});

test('the target of a name that is no iSCSI name is not found, an initiator of such a name is an error (RFC 7143 §4.2.7)', async () => {
  await using served = await serveTarget();
  const login = await RawLogin.open(served);
  assert.equal((await login.complete({ ...names, TargetName: 'disk' })).status, LoginStatus.notFound);
  const other = await RawLogin.open(served);
  assert.equal((await other.complete({ ...names, InitiatorName: 'me' })).status, LoginStatus.initiatorError);
});

test('names of 223 bytes are taken, longer ones are not (RFC 7143 §4.2.7.1)', async () => {
  await using served = await serveTarget();
  const longest = 'iqn.2001-04.com.example:'.padEnd(223, 'x');
  assert.equal((await (await RawLogin.open(served)).complete({ ...names, InitiatorName: longest })).status, 0);
  const tooLong = await RawLogin.open(served);
  const { status } = await tooLong.complete({ ...names, InitiatorName: `${longest}x` });
  assert.equal(status, LoginStatus.initiatorError);
});

test('another PDU in the place of the first Login Request ends the connection without an answer (RFC 7143 §4.2.4)', async () => {
  await using served = await serveTarget();
  for (const opcode of [Opcode.nopOut, Opcode.scsiCommand, Opcode.textRequest, Opcode.dataOut, 0x1f, Opcode.nopIn]) {
    const { raw } = await RawLogin.open(served);
    const header = new Uint8Array(48);
    header[0] = 0x40 | opcode;
    raw.send(header);
    assert.equal(await raw.next(), undefined, `opcode ${opcode}`);
  }
});

test('once the login has begun, another PDU is answered with "invalid during login", and the connection ends (RFC 7143 §4.2.4)', async () => {
  await using served = await serveTarget();
  for (const opcode of [Opcode.nopOut, Opcode.scsiCommand, Opcode.logoutRequest, 0x1f]) {
    const login = await RawLogin.open(served);
    await login.request(names, { stage: SECURITY });
    const header = new Uint8Array(48);
    header[0] = 0x40 | opcode;
    login.raw.send(header);
    assert.equal((await login.reply())?.status, LoginStatus.invalidDuringLogin, `opcode ${opcode}`);
    assert.equal(await login.raw.next(), undefined);
  }
});

test('the first response to a whole text names the portal group, in every type of session (RFC 7143 §6.3.1, §13.9)', async () => {
  await using served = await serveTarget();
  for (const keys of [names, { InitiatorName: INITIATOR, SessionType: 'Discovery' }]) {
    const login = await RawLogin.open(served, { stage: SECURITY });
    assert.equal((await login.request(keys)).keys.get('TargetPortalGroupTag'), '1');
    assert.equal((await login.request({}, { to: FULL })).keys.has('TargetPortalGroupTag'), false);
  }
});

test('an Initiator Task Tag of ffffffffh names no task (RFC 7143 §11.2.1.8)', async () => {
  await using served = await serveTarget();
  const login = await RawLogin.open(served);
  assert.equal((await login.complete(names, { tag: 0xffff_ffff })).status, LoginStatus.initiatorError);
});
