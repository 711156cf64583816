/** Logins that come at once, and what is left when a session ends: what takes the place of what (RFC 7143 §6.3.4, §6.3.5). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { Opcode } from '../../src/iscsi/opcode.ts';
import { LoginStatus, LogoutReason, LogoutRequest } from '../../src/iscsi/pdu.ts';
import { Transfer10Cdb } from '../../src/scsi/index.ts';
import { HeldDevice } from './held-device.ts';
import type { RawInitiator } from './raw-initiator.ts';
import { type ServedTarget, serveTarget, TARGET } from './served-target.ts';

const BLOCK = 512;
const write = Transfer10Cdb.encode({ operationCode: 0x2a, transferLength: 1 });
const keys = { MaxConnections: '4' };

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function logIn(served: ServedTarget, options: { tsih?: number; cid?: number } = {}): Promise<RawInitiator> {
  const initiator = await served.connect();
  await initiator.login({ targetName: TARGET, ...options, keys: options.tsih === undefined ? keys : {} });
  return initiator;
}

/** A WRITE that the device is at work on: until that is done, it may still change the medium. */
function beginWrite(initiator: RawInitiator): void {
  initiator.command(write, { direction: 'write', length: BLOCK, immediateData: new Uint8Array(BLOCK) });
}

test('of several logins of one CID at once the last has it, and its session knows no other (RFC 7143 §6.3.4)', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const old = await logIn(served);
  const other = await logIn(served, { tsih: old.tsih, cid: 2 });
  other.cmdSN = old.cmdSN;
  beginWrite(old);
  await device.holding(1);
  const first = await logIn(served, { tsih: old.tsih, cid: 1 });
  const last = await logIn(served, { tsih: old.tsih, cid: 1 });
  await turns();
  device.releaseAll();
  await first.closed;
  last.ping();
  await last.next();
  const [session] = served.portal.sessions;
  assert.deepEqual(
    session?.connections
      .open()
      .map(({ cid }) => cid)
      .toSorted(),
    [1, 2],
  );
  other.logout(LogoutReason.closeSession);
  await Promise.all([other.closed, last.closed]);
});

test('no more connections than were negotiated, even when they log in at once', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const initiator = await served.connect();
  await initiator.login({ targetName: TARGET, keys: { MaxConnections: '2' } });
  const { tsih } = initiator;
  await logIn(served, { tsih, cid: 2 });
  beginWrite(initiator);
  await device.holding(1);
  // The one in the place of the first waits for the end of what that is at work on, and its room is taken meanwhile.
  const renewed = await logIn(served, { tsih, cid: 1 });
  const third = await served.connect();
  assert.equal(await third.tryLogin({ targetName: TARGET, tsih, cid: 3 }), LoginStatus.tooManyConnections);
  device.releaseAll();
  renewed.ping();
  await renewed.next();
  const [session] = served.portal.sessions;
  assert.equal(session?.connections.open().length, 2);
});

test('what came early is not begun behind a logout that ends the session', async () => {
  await using served = await serveTarget({ device: new MemoryDevice(8 * BLOCK) });
  const initiator = await logIn(served);
  initiator.command(write, { direction: 'write', length: BLOCK, cmdSN: initiator.cmdSN + 1 });
  await turns();
  const { cmdSN, expStatSN } = initiator;
  initiator.send(
    LogoutRequest.encode({ opcode: Opcode.logoutRequest, final: true, initiatorTaskTag: 900, cmdSN, expStatSN }),
  );
  await initiator.closed;
  const [unit] = served.target.units.values();
  assert.deepEqual(unit?.taskSet.tasks(), []);
});
