/** The fields of Login Requests and Responses, one by one (RFC 7143 §11.12, §11.13). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opcode } from '../../../src/iscsi/opcode.ts';
import { BasicHeader, LoginRequest, LoginStatus } from '../../../src/iscsi/pdu.ts';
import { encodeText } from '../../../src/iscsi/text.ts';
import { FULL, names, OPERATIONAL, RawLogin, SECURITY } from '../raw-login.ts';
import { serveTarget } from '../served-target.ts';

test('ISID, TSIH, CID and Initiator Task Tag stay the same through a login (RFC 7143 §6.3, §11.12.6, §11.12.7)', async () => {
  await using served = await serveTarget();
  for (const change of [{ isid: '800000000002' }, { tsih: 9 }, { cid: 2 }, { tag: 2 }]) {
    const login = await RawLogin.open(served);
    assert.equal((await login.request(names, { stage: SECURITY })).status, 0);
    const { status } = await login.request({}, { stage: SECURITY, ...change });
    assert.equal(status, LoginStatus.initiatorError, JSON.stringify(change));
  }
});

test('a version that is too new is refused, with the one that the target knows (RFC 7143 §11.12.4, §11.13.2)', async () => {
  await using served = await serveTarget();
  const login = await RawLogin.open(served);
  const { status, header } = await login.complete(names, { versionMin: 1, versionMax: 2 });
  assert.equal(status, LoginStatus.unsupportedVersion);
  assert.deepEqual([header.versionMax, header.versionActive], [0, 0]);
});

test('a range of versions with 0 in it is taken; what counts is said by the first request (RFC 7143 §11.12.4, §11.13.1)', async () => {
  await using served = await serveTarget();
  const login = await RawLogin.open(served);
  const first = await login.request(names, { stage: SECURITY, versionMax: 3 });
  assert.equal(first.status, 0);
  const last = await login.request({}, { stage: SECURITY, to: FULL, versionMin: 1, versionMax: 3 });
  assert.equal(last.status, 0);
  for (const { header } of [first, last]) assert.deepEqual([header.versionMax, header.versionActive], [0, 0]);
});

test('a new session learns its TSIH in the last response and not before; it is not 0 (RFC 7143 §11.13.3)', async () => {
  await using served = await serveTarget();
  const login = await RawLogin.open(served);
  assert.equal((await login.request(names, { stage: SECURITY })).header.tsih, 0);
  assert.equal((await login.request({}, { stage: SECURITY, to: OPERATIONAL })).header.tsih, 0);
  const { tsih } = (await login.request({}, { to: FULL })).header;
  assert.notEqual(tsih, 0);
  const other = await RawLogin.open(served, { isid: '800000000002' });
  assert.notEqual((await other.complete()).header.tsih, tsih, 'no two sessions have one TSIH');
});

test('the responses for one more connection carry the TSIH of its session from the first on (RFC 7143 §11.13.3)', async () => {
  await using served = await serveTarget();
  const first = await RawLogin.open(served);
  const { tsih } = (await first.complete({ ...names, MaxConnections: '2' })).header;
  const second = await RawLogin.open(served, { tsih, cid: 2 });
  assert.equal((await second.request(names, { stage: SECURITY })).header.tsih, tsih);
  assert.equal((await second.request({}, { stage: SECURITY, to: FULL })).header.tsih, tsih);
});

test('ISID and Initiator Task Tag come back, the latter also in a refusal (RFC 7143 §11.13)', async () => {
  await using served = await serveTarget();
  const login = await RawLogin.open(served, { isid: '00023d010203', tag: 0xfffffffe });
  for (const keys of [names, { SendTargets: 'All' }]) {
    const { header } = await login.request(keys);
    assert.equal(Buffer.from(header.isid).toString('hex'), '00023d010203');
    assert.equal(header.initiatorTaskTag, 0xfffffffe);
  }
});

test('StatSN grows by one with each response, through the login and after it (RFC 7143 §11.13.4)', async () => {
  await using served = await serveTarget();
  const login = await RawLogin.open(served);
  const start = (await login.request(names, { stage: SECURITY })).header.statSN;
  assert.equal((await login.request({}, { stage: SECURITY, to: OPERATIONAL })).header.statSN, start + 1);
  assert.equal((await login.request({}, { to: FULL })).header.statSN, start + 2);
  login.raw.ping();
  const nop = await login.raw.expect(Opcode.nopIn);
  assert.equal(LoginRequest.view(nop.header).cmdSN, start + 3, 'StatSN lies where requests have their CmdSN');
});

test('the leading login says where CmdSN begins, also at the wrap (RFC 7143 §11.12.8)', async () => {
  await using served = await serveTarget();
  for (const [index, cmdSN] of [123, 0, 0xffff_ffff, 0x7fff_ffff].entries()) {
    const login = await RawLogin.open(served, { cmdSN, isid: `80000000001${index}` });
    const { header } = await login.complete();
    assert.equal(header.expCmdSN, cmdSN);
    assert.equal((header.maxCmdSN - header.expCmdSN) >>> 0, 127);
    login.raw.cmdSN = cmdSN;
    assert.equal((await login.raw.run(new Uint8Array(16))).status, 0, 'TEST UNIT READY');
    assert.equal((await login.raw.run(new Uint8Array(16))).status, 0);
  }
});

test('the login of one more connection tells the window of the session, and does not move it (RFC 7143 §11.12.8)', async () => {
  await using served = await serveTarget();
  const first = await RawLogin.open(served, { cmdSN: 500 });
  const { tsih } = (await first.complete({ ...names, MaxConnections: '2' })).header;
  first.raw.cmdSN = 500;
  await first.raw.run(new Uint8Array(16));
  const second = await RawLogin.open(served, { tsih, cid: 2, cmdSN: 77 });
  const { header } = await second.complete();
  assert.equal(header.expCmdSN, 501);
  assert.equal((await first.raw.run(new Uint8Array(16))).status, 0);
});

test('reserved bits and fields of a request are ignored (RFC 7143 §11)', async () => {
  await using served = await serveTarget();
  const { raw } = await RawLogin.open(served);
  const header = LoginRequest.encode({
    opcode: Opcode.loginRequest,
    transit: true,
    currentStage: OPERATIONAL,
    nextStage: FULL,
    isid: Buffer.from('800000000001', 'hex'),
    initiatorTaskTag: 1,
    cid: 1,
    cmdSN: 1,
  });
  header[0] = 0x80 | Opcode.loginRequest; // a login is immediate without the bit that says so
  header[1] = (header[1] ?? 0) | 0x30;
  header.fill(0xff, 22, 24);
  header.fill(0xff, 32, 48);
  raw.send(header, [encodeText(Object.entries(names).map(([key, value]) => ({ key, value })))]);
  const response = await new RawLogin(raw).reply();
  assert.equal(response?.status, 0);
  assert.equal(served.target.sessions.size, 1);
});

test('reserved bits and fields of a response are 0 (RFC 7143 §11, §11.13)', async () => {
  await using served = await serveTarget();
  const login = await RawLogin.open(served, { stage: SECURITY });
  for (const reply of [await login.request(names), await login.request({}, { to: OPERATIONAL })]) {
    const { header } = reply.pdu;
    assert.equal(header[0], Opcode.loginResponse, 'neither the reserved bit nor I');
    assert.equal((header[1] ?? 0) & 0x30, 0);
    assert.equal(BasicHeader.view(header).totalAHSLength, 0);
    for (const [from, to] of [
      [20, 24],
      [38, 48],
    ] as const) {
      assert.ok(
        header.subarray(from, to).every((byte) => byte === 0),
        `bytes ${from} to ${to}`,
      );
    }
  }
});
