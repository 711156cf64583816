/** The target asks for a logout (RFC 7143 §11.9.1, event 1), one session at a time or at its end. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opcode } from '../../src/iscsi/opcode.ts';
import { AsyncEvent, AsyncMessage, LogoutReason } from '../../src/iscsi/pdu.ts';
import { Status, TestUnitReadyCdb } from '../../src/scsi/index.ts';
import type { Session } from '../../src/target/session.ts';
import { settled } from '../support/simulated-clock.ts';
import { HeldDevice } from './held-device.ts';
import type { RawInitiator } from './raw-initiator.ts';
import { type ServedTarget, serveTarget } from './served-target.ts';
import { join, open } from './several-connections.ts';

const testUnitReady = TestUnitReadyCdb.encode({ operationCode: 0x00 });

async function expectEvent(initiator: RawInitiator) {
  const { asyncEvent, parameter1, parameter2, parameter3 } = AsyncMessage.view(
    (await initiator.expect(Opcode.asyncMessage)).header,
  );
  return [asyncEvent, parameter1, parameter2, parameter3];
}

function onlySession({ portal }: ServedTarget): Session {
  const [session] = portal.sessions;
  assert.ok(session !== undefined);
  return session;
}

function endsOf(served: ServedTarget): string[] {
  return served.events.flatMap((event) => (event.kind === 'session ended' ? [event.reason] : []));
}

test('every connection is asked, and the session goes on until its initiator has logged out', async () => {
  await using served = await serveTarget();
  const first = await open(served);
  const second = await join(served, first, 2);
  const done = onlySession(served).requestLogout(7);
  for (const initiator of [first, second]) {
    assert.deepEqual(await expectEvent(initiator), [AsyncEvent.logoutRequested, 0, 0, 7]);
  }
  assert.equal((await first.run(testUnitReady)).status, Status.good);
  second.logout(LogoutReason.closeConnection, 2);
  await second.closed;
  await served.clock.pass(6_999);
  assert.equal(served.portal.sessions.length, 1);
  first.logout();
  assert.equal(await done, true);
  await first.closed;
  await settled();
  assert.equal(served.clock.pending, 0);
  assert.deepEqual(endsOf(served), ['logout']);
});

test('who does not log out in time is told that its connections go, and they do', async () => {
  await using served = await serveTarget();
  const first = await open(served, { MaxConnections: '4', DefaultTime2Wait: '3' });
  const second = await join(served, first, 2);
  const done = onlySession(served).requestLogout(5);
  for (const initiator of [first, second]) await expectEvent(initiator);
  await served.clock.pass(5_000);
  assert.equal(await done, false);
  assert.deepEqual(await expectEvent(first), [AsyncEvent.connectionDropped, 1, 3, 0]);
  assert.deepEqual(await expectEvent(second), [AsyncEvent.connectionDropped, 2, 3, 0]);
  await Promise.all([first.closed, second.closed]);
  assert.deepEqual(endsOf(served), ['logout overdue']);
});

test('a session that ends otherwise meanwhile is not waited for', async () => {
  await using served = await serveTarget();
  const initiator = await open(served);
  const done = onlySession(served).requestLogout(5);
  initiator.tcp.destroy();
  assert.equal(await done, false);
  await settled();
  assert.equal(served.clock.pending, 0);
});

test('a target that is taken away asks all of its initiators', async () => {
  await using served = await serveTarget();
  const one = await open(served, {}, '800000000001');
  const other = await open(served, {}, '800000000002');
  const done = served.target.requestLogout(5);
  for (const initiator of [one, other]) await expectEvent(initiator);
  one.logout();
  await one.closed;
  await served.clock.pass(5_000);
  await done;
  assert.equal(served.target.sessions.size, 0);
  assert.deepEqual(endsOf(served), ['logout', 'logout overdue']);
});

test('a portal that closes lets initiators log out first, where it should, and flushes after them', async () => {
  const device = new HeldDevice(8 * 512);
  await using served = await serveTarget({ device, portal: { logoutTime: 5 } });
  const one = await open(served, {}, '800000000001');
  const other = await open(served, {}, '800000000002');
  const closing = served.portal.close();
  for (const initiator of [one, other]) {
    assert.deepEqual(await expectEvent(initiator), [AsyncEvent.logoutRequested, 0, 0, 5]);
  }
  one.logout();
  await one.closed;
  assert.equal(device.flushes, 0);
  await served.clock.pass(5_000);
  assert.equal((await expectEvent(other))[0], AsyncEvent.connectionDropped);
  await closing;
  assert.equal(device.flushes, 1);
  assert.deepEqual(endsOf(served), ['logout', 'logout overdue']);
});
