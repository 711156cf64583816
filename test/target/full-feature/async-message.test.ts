/** Asynchronous Messages: what each event carries, and what it does not (RFC 7143 §11.9). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import { AsyncEvent, AsyncMessage, LogoutReason } from '../../../src/iscsi/pdu.ts';
import { settled } from '../commands/asker.ts';
import type { RawInitiator } from '../raw-initiator.ts';
import { testUnitReady } from '../scsi-requests.ts';
import { type ServedTarget, serveTarget } from '../served-target.ts';

const times = { DefaultTime2Wait: '3', DefaultTime2Retain: '20', MaxConnections: '2' };

/** Two connections of one session: CID 1 and 2. */
async function two(
  served: ServedTarget,
  keys: Readonly<Record<string, string>>,
): Promise<[RawInitiator, RawInitiator]> {
  const first = await served.login({ ...times, ...keys });
  const second = await served.login({}, { tsih: first.tsih, cid: 2 });
  second.cmdSN = first.cmdSN;
  return [first, second];
}

async function expectMessage(raw: RawInitiator): Promise<AsyncMessage> {
  const pdu = await raw.expect(Opcode.asyncMessage);
  assert.equal(pdu.dataLength, 0);
  const view = AsyncMessage.view(pdu.header);
  assert.deepEqual([view.final, view.initiatorTaskTag, view.asyncVCode], [true, RESERVED_TAG, 0]);
  return view;
}

const parameters = (view: AsyncMessage): number[] => [view.parameter1, view.parameter2, view.parameter3];

describe('a connection of a session is lost: the others learn its CID, Time2Wait and Time2Retain (RFC 7143 §11.9.1 event 2)', () => {
  for (const [errorRecoveryLevel, time2Retain] of [
    [2, 20],
    // Its tasks end at once: there is nothing to come back for.
    [0, 0],
  ]) {
    test(`ErrorRecoveryLevel ${errorRecoveryLevel}: Time2Retain ${time2Retain}`, async () => {
      await using served = await serveTarget();
      const [first, second] = await two(served, { ErrorRecoveryLevel: String(errorRecoveryLevel) });
      second.tcp.destroy();
      const message = await expectMessage(first);
      assert.equal(message.asyncEvent, AsyncEvent.connectionDropped);
      assert.deepEqual(parameters(message), [2, 3, time2Retain]);
    });
  }
});

test('the session goes: Parameter1 is reserved, and nothing is retained (RFC 7143 §11.9.1 event 3)', async () => {
  const served = await serveTarget();
  const raw = await served.login(times);
  const closing = served.portal.close();
  const message = await expectMessage(raw);
  assert.equal(message.asyncEvent, AsyncEvent.sessionDropped);
  assert.deepEqual(parameters(message), [0, 3, 0]);
  await closing;
});

test('a logout is asked for on each connection, in seconds; the other parameters are reserved (RFC 7143 §11.9.1 event 1)', async () => {
  await using served = await serveTarget();
  const raws = await two(served, {});
  const [session] = served.portal.sessions;
  const done = session?.requestLogout(7);
  for (const raw of raws) {
    const message = await expectMessage(raw);
    assert.equal(message.asyncEvent, AsyncEvent.logoutRequested);
    assert.deepEqual(parameters(message), [0, 0, 7]);
  }
  raws[0].logout(LogoutReason.closeSession);
  assert.equal(await done, true);
});

test('a message has a StatSN of its own, to be acknowledged like others (RFC 7143 §11.9)', async () => {
  await using served = await serveTarget();
  const [first, second] = await two(served, {});
  const { expStatSN } = first;
  second.tcp.destroy();
  assert.equal((await expectMessage(first)).statSN, expStatSN);
  first.expStatSN += 1;
  const { pdus } = await first.run(testUnitReady);
  assert.equal(AsyncMessage.view(pdus[0]?.header ?? new Uint8Array(48)).statSN, expStatSN + 1);
});

test('a connection that was logged out is not announced as lost (RFC 7143 §11.9.1)', async () => {
  await using served = await serveTarget();
  const [first, second] = await two(served, {});
  second.logout(LogoutReason.closeConnection, 2);
  await second.expect(Opcode.logoutResponse);
  await second.closed;
  await settled();
  const tag = first.ping();
  assert.equal(AsyncMessage.view((await first.expect(Opcode.nopIn)).header).initiatorTaskTag, tag);
});
