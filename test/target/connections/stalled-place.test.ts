/**
 * Connections that want the place of one for which a device is still at work (RFC 7143 §6.3.4): they begin after it, however it went,
 * and nothing is left of those that give up.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opcode } from '../../../src/iscsi/opcode.ts';
import { LoginStatus, LogoutReason, LogoutResponse, LogoutResponseCode } from '../../../src/iscsi/pdu.ts';
import { decodeSense, Status, Transfer10Cdb } from '../../../src/scsi/index.ts';
import { settled } from '../../support/simulated-clock.ts';
import { HeldDevice } from '../held-device.ts';
import { RawInitiator } from '../raw-initiator.ts';
import { type ServedTarget, serveTarget, TARGET } from '../served-target.ts';

const BLOCK = 512;
const write = Transfer10Cdb.encode({ operationCode: 0x2a, transferLength: 1 });
const names = { targetName: TARGET, isid: '800000000001' };
const place = { ...names, cid: 0 };

const joined = ({ events }: ServedTarget): number => events.filter(({ kind }) => kind === 'connection joined').length;

test('the next one waits for the device as well, and has its place to itself when the one before has left', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const old = await served.login({ MaxConnections: '2' }, place);
  const { tsih } = old;
  const second = await served.connect();
  await second.login({ ...names, tsih, cid: 1 });
  await settled();
  assert.equal(joined(served), 1);
  old.command(write, { direction: 'write', length: BLOCK, immediateData: new Uint8Array(BLOCK).fill(1) });
  await device.holding(1);
  const { pending } = served.clock;

  const tcp = await served.network.connectTcp({ address: '192.0.2.1', port: 3260 });
  await new RawInitiator(tcp).login({ ...place, tsih });
  await old.closed;
  await settled();
  tcp.destroy();
  await settled();
  assert.ok(served.clock.pending <= pending, 'a wait that is over has no timer');

  const next = await served.connect();
  await next.login({ ...place, tsih });
  await settled();
  assert.equal(joined(served), 1, 'the device is not done yet');
  device.releaseAll();
  await settled();
  assert.equal(joined(served), 2);
  next.cmdSN = second.cmdSN = old.cmdSN;
  assert.equal((await next.run(new Uint8Array(16))).status, Status.checkCondition, 'its commands were cleared');
  next.ping();
  assert.ok(await next.next(), 'it is the one that counts');
  assert.equal(served.events.filter(({ kind }) => kind === 'session ended').length, 0);
});

/** COMMANDS CLEARED BY ISCSI PROTOCOL EVENT (RFC 7143 §11.14.5). */
const CLEARED = 0x477f;
const testUnitReady = new Uint8Array(16);
const fill = (value: number) =>
  ({ direction: 'write', length: BLOCK, immediateData: new Uint8Array(BLOCK).fill(value) }) as const;

for (const [name, keys, immediate, retained] of [
  ['ErrorRecoveryLevel 0', { ErrorRecoveryLevel: '0' }, false, 0],
  ['ErrorRecoveryLevel 1', { ErrorRecoveryLevel: '1' }, false, 0],
  ['ErrorRecoveryLevel 2 without a time for recovery', { ErrorRecoveryLevel: '2', DefaultTime2Retain: '0' }, false, 0],
  ['ErrorRecoveryLevel 2 after the time for recovery', { ErrorRecoveryLevel: '2', DefaultTime2Retain: '1' }, false, 60],
  ['ErrorRecoveryLevel 2, a command that nobody can recover', { ErrorRecoveryLevel: '2' }, true, 0],
] as const) {
  test(`${name}: what was cut off during a WRITE is over before another begins in its place (RFC 7143 §6.3.4, §7.14)`, async () => {
    const device = new HeldDevice(8 * BLOCK);
    await using served = await serveTarget({ device });
    const old = await served.login({ MaxConnections: '2', ...keys }, place);
    const { tsih } = old;
    const second = await served.connect();
    await second.login({ ...names, tsih, cid: 1 });
    second.acknowledges = true;
    old.command(write, { ...fill(1), immediate });
    await device.holding(1);
    old.tcp.destroy();
    await served.clock.pass(retained * 1000);

    const next = await served.connect();
    await next.login({ ...place, tsih });
    next.cmdSN = old.cmdSN;
    const tag = next.command(write, fill(2));
    await settled();
    assert.equal(joined(served), 1, 'the device is not done yet');
    assert.equal(device.held.length, 1);
    device.releaseAll();
    await settled();
    assert.equal(joined(served), 2);
    if (immediate) {
      await device.holding(1);
      device.releaseAll();
      assert.equal((await next.result(tag)).status, Status.good);
    } else {
      assert.equal(decodeSense((await next.result(tag)).sense)?.code, CLEARED);
      next.command(write, fill(2));
      await device.holding(1);
      device.releaseAll();
    }
    assert.deepEqual(device.content(0, BLOCK), Buffer.alloc(BLOCK, 2));
  });
}

test('the initiator is told that commands were cleared when they are over, at other units at once (RFC 7143 §11.14.5)', async () => {
  const [stalled, well] = [new HeldDevice(8 * BLOCK), new HeldDevice(8 * BLOCK)];
  await using served = await serveTarget({
    units: new Map([
      [0, stalled],
      [1, well],
    ]),
  });
  const old = await served.login({ MaxConnections: '2' }, place);
  const second = await served.connect();
  await second.login({ ...names, tsih: old.tsih, cid: 1 });
  old.command(write, fill(1));
  old.command(Transfer10Cdb.encode({ operationCode: 0x28, transferLength: 1 }), { length: BLOCK, lun: 1 });
  await Promise.all([stalled.holding(1), well.holding(1)]);
  old.tcp.destroy();
  await settled();
  await second.next(); // the Asynchronous Message about the connection
  second.cmdSN = old.cmdSN;
  second.lastTag = old.lastTag;
  const senseCode = async (lun: number) => decodeSense((await second.run(testUnitReady, { lun })).sense)?.code;
  assert.equal(await senseCode(0), undefined, 'what may still come is not cleared');
  assert.equal(await senseCode(1), CLEARED);
  stalled.releaseAll();
  await settled();
  assert.equal(await senseCode(0), CLEARED);
  well.releaseAll();
});

test('connections that come and go while a device stalls do not pile up their commands', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const first = await served.login({ MaxConnections: '2' }, place);
  const { tsih } = first;
  const logIn = async (cid: number) => {
    const raw = await served.connect();
    return { raw, status: await raw.tryLogin({ ...names, tsih, cid }) };
  };
  let gone = 0;
  for (let cid = 1; ; cid++) {
    const { raw, status } = await logIn(cid);
    if (status === LoginStatus.tooManyConnections) break;
    assert.ok(cid < 100, 'bounded');
    raw.command(write, { ...fill(1), immediate: true, initiatorTaskTag: cid });
    gone += 1;
    await device.holding(gone);
    raw.tcp.destroy();
    await settled();
  }
  assert.ok(gone > 1);
  device.releaseAll();
  await settled();
  assert.notEqual((await logIn(100)).status, LoginStatus.tooManyConnections);
});

for (const [what, isCut] of [
  ['that is there', false],
  ['that was cut off', true],
] as const) {
  test(`a logout of a connection ${what} is answered when the device is done with it, or with "cleanup failed" in ten seconds (RFC 7143 §11.15.1)`, async () => {
    const device = new HeldDevice(8 * BLOCK);
    await using served = await serveTarget({ device });
    const old = await served.login({ MaxConnections: '2' }, place);
    const second = await served.connect();
    await second.login({ ...names, tsih: old.tsih, cid: 1 });
    old.command(write, fill(1));
    await device.holding(1);
    if (isCut) {
      old.tcp.destroy();
      await second.expect(Opcode.asyncMessage);
    }
    const ask = () => second.logout(LogoutReason.closeConnection, place.cid);
    const response = async () => LogoutResponse.view((await second.expect(Opcode.logoutResponse)).header).response;
    ask();
    await old.closed;
    await served.clock.pass(10_000);
    assert.equal(await response(), LogoutResponseCode.cleanupFailed);
    ask();
    await settled();
    device.releaseAll();
    // It was told of the loss, and so it is told that the window has opened.
    if (isCut) await second.expect(Opcode.nopIn);
    assert.equal(await response(), LogoutResponseCode.closed);
    ask();
    assert.equal(await response(), LogoutResponseCode.cidNotFound);
  });
}
