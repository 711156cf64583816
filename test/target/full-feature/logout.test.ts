/** Logout: its reasons, its answers, and what becomes of connections, sessions and tasks (RFC 7143 §11.14, §11.15). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Opcode } from '../../../src/iscsi/opcode.ts';
import { LogoutReason, LogoutRequest, LogoutResponse, LogoutResponseCode } from '../../../src/iscsi/pdu.ts';
import { Status } from '../../../src/scsi/index.ts';
import { settled } from '../commands/asker.ts';
import { HeldDevice } from '../held-device.ts';
import type { RawInitiator } from '../raw-initiator.ts';
import { BLOCK, read, testUnitReady } from '../scsi-requests.ts';
import { serveTarget } from '../served-target.ts';

const { closeSession, closeConnection, removeConnectionForRecovery } = LogoutReason;
const { closed, cidNotFound, recoveryNotSupported } = LogoutResponseCode;

async function answer(raw: RawInitiator): Promise<LogoutResponse> {
  return LogoutResponse.view((await raw.expect(Opcode.logoutResponse)).header);
}

test('the answer has the tag of the request, the next StatSN, and nothing where nothing belongs (RFC 7143 §11.15)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  const { expStatSN } = raw;
  raw.logout(closeSession);
  const pdu = await raw.expect(Opcode.logoutResponse);
  const { header } = pdu;
  const view = LogoutResponse.view(header);
  assert.deepEqual([view.response, view.initiatorTaskTag, view.statSN], [closed, 1, expStatSN]);
  assert.deepEqual([view.time2Wait, view.time2Retain, pdu.dataLength], [0, 0, 0]);
  assert.deepEqual([...header.subarray(0, 4)], [Opcode.logoutResponse, 0x80, closed, 0]);
  const reserved = [
    ...header.subarray(8, 16),
    ...header.subarray(20, 24),
    ...header.subarray(36, 40),
    ...header.subarray(44),
  ];
  assert.ok(reserved.every((byte) => byte === 0));
  await raw.closed;
});

test('"close the session" closes all its connections, whatever CID is named (RFC 7143 §11.14.1, §11.14.3)', async () => {
  await using served = await serveTarget();
  const raw = await served.login({ MaxConnections: '4' });
  const second = await served.login({}, { tsih: raw.tsih, cid: 2 });
  second.logout(closeSession, 77);
  assert.equal((await answer(second)).response, closed);
  await Promise.all([raw.closed, second.closed]);
  assert.equal(served.target.sessions.size, 0);
});

test('"close the connection" of the last connection closes the session (RFC 7143 §6.3.5)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  raw.logout(closeConnection, 1);
  assert.equal((await answer(raw)).response, closed);
  await raw.closed;
  assert.ok(served.events.some((event) => event.kind === 'session ended' && event.reason === 'logout'));
});

test('a CID that the session has not is not found, and the session goes on (RFC 7143 §11.15.1)', async () => {
  await using served = await serveTarget();
  for (const [level, reason] of [
    ['0', closeConnection],
    ['2', closeConnection],
    ['2', removeConnectionForRecovery],
  ] as const) {
    const raw = await served.login({ ErrorRecoveryLevel: level });
    raw.logout(reason, 9);
    assert.equal((await answer(raw)).response, cidNotFound);
    raw.expStatSN += 1;
    assert.equal((await raw.run(testUnitReady)).status, Status.good);
  }
});

test('"remove the connection for recovery" below level 2 is not supported, and the connection stays (RFC 7143 §11.15.1)', async () => {
  await using served = await serveTarget();
  for (const level of ['0', '1']) {
    const raw = await served.login({ ErrorRecoveryLevel: level, DefaultTime2Wait: '3' });
    raw.logout(removeConnectionForRecovery, 1);
    const { response, time2Wait } = await answer(raw);
    assert.deepEqual([response, time2Wait], [recoveryNotSupported, 3]);
    raw.expStatSN += 1;
    assert.equal((await raw.run(testUnitReady)).status, Status.good);
  }
});

test('at level 2 it is answered with the times in which tasks can be reassigned (RFC 7143 §11.15.3, §11.15.4)', async () => {
  await using served = await serveTarget();
  const keys = { ErrorRecoveryLevel: '2', MaxConnections: '2', DefaultTime2Wait: '3', DefaultTime2Retain: '12' };
  const raw = await served.login(keys);
  await served.login({}, { tsih: raw.tsih, cid: 2 });
  raw.logout(removeConnectionForRecovery, 1);
  const { response, time2Wait, time2Retain } = await answer(raw);
  assert.deepEqual([response, time2Wait, time2Retain], [closed, 3, 12]);
  await raw.closed;
  assert.equal(served.target.sessions.size, 1);
});

describe('commands under way end unanswered (RFC 7143 §11.14)', () => {
  for (const reason of [closeSession, closeConnection]) {
    test(`by reason ${reason}, those at the device and those that wait for one before them`, async () => {
      const device = new HeldDevice(64 * BLOCK);
      await using served = await serveTarget({ device });
      const raw = await served.login();
      raw.command(read(1), { length: BLOCK });
      raw.command(testUnitReady, { cmdSN: raw.cmdSN + 1 });
      await device.holding(1);
      raw.logout(reason, 1);
      assert.equal((await answer(raw)).response, closed);
      assert.equal(await raw.next(), undefined, 'nothing comes after the answer');
      device.releaseAll();
      await settled();
      assert.equal(served.target.sessions.size, 0);
    });
  }
});

test('what comes behind a logout on its connection is not looked at (RFC 7143 §11.14)', async () => {
  const device = new HeldDevice(64 * BLOCK);
  await using served = await serveTarget({ device });
  const raw = await served.login();
  raw.logout(closeSession);
  raw.command(read(1), { length: BLOCK });
  raw.ping();
  assert.equal((await answer(raw)).response, closed);
  assert.equal(await raw.next(), undefined);
  assert.equal(device.held.length, 0);
});

test('a logout that takes its turn in CmdSN order lets the commands before it come first (RFC 7143 §4.2.2.1)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  const header = LogoutRequest.encode({
    opcode: Opcode.logoutRequest,
    final: true,
    reason: closeSession,
    initiatorTaskTag: 60,
    cmdSN: raw.cmdSN + 1,
    expStatSN: raw.expStatSN,
  });
  raw.send(header);
  assert.equal((await raw.run(testUnitReady)).status, Status.good);
  assert.equal((await answer(raw)).initiatorTaskTag, 60);
  await raw.closed;
});
