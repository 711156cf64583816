/** The portal's own duties: discovery, keepalive, bounded memory, and an end in good order. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import { LoginRequest, LoginResponse, LoginStatus, NopIn } from '../../src/iscsi/pdu.ts';
import { encodeText } from '../../src/iscsi/text.ts';
import { Status, Transfer10Cdb } from '../../src/scsi/index.ts';
import { settled } from '../support/simulated-clock.ts';
import { HeldDevice } from './held-device.ts';
import { INITIATOR } from './raw-initiator.ts';
import { type ServedTarget, serveTarget, TARGET } from './served-target.ts';

const BLOCK = 512;

function read(blocks: number): Uint8Array {
  return Transfer10Cdb.encode({ operationCode: 0x28, transferLength: blocks });
}

test('a login that does not end in time is ended', async () => {
  await using served = await serveTarget();
  const initiator = await served.connect();
  served.clock.advance(15_000);
  await initiator.closed;
  const failed = served.events.find((event) => event.kind === 'login failed');
  assert.match(String(failed?.error.message), /in time/);
});

test('an initiator that speaks NOP is asked when it is silent, and dropped when it stays so', async () => {
  await using served = await serveTarget();
  const initiator = await served.connect();
  await initiator.login({ targetName: TARGET });
  initiator.ping();
  await initiator.expect(Opcode.nopIn);
  served.clock.advance(15_000);
  served.clock.advance(15_000);
  const asked = NopIn.view((await initiator.expect(Opcode.nopIn)).header);
  assert.equal(asked.initiatorTaskTag, RESERVED_TAG);
  assert.notEqual(asked.targetTransferTag, RESERVED_TAG);
  initiator.pong(asked.targetTransferTag);
  initiator.ping();
  await initiator.expect(Opcode.nopIn);
  // It has answered: it stays.
  served.clock.advance(105_000);
  served.clock.advance(15_000);
  assert.notEqual(NopIn.view((await initiator.expect(Opcode.nopIn)).header).targetTransferTag, RESERVED_TAG);
  // A machine that stood still for a minute and a half has missed nothing.
  served.clock.advance(90_000);
  initiator.command(read(1), { length: BLOCK });
  await initiator.expect(Opcode.dataIn);
  served.clock.advance(15_000);
  served.clock.advance(15_000);
  assert.notEqual(NopIn.view((await initiator.expect(Opcode.nopIn)).header).targetTransferTag, RESERVED_TAG);
  served.clock.advance(105_000);
  await initiator.closed;
  const ended = served.events.find((event) => event.kind === 'session ended');
  assert.equal(ended?.reason, 'unresponsive');
});

test('an initiator that has never sent a NOP is never asked: firmware may not know it', async () => {
  await using served = await serveTarget();
  const initiator = await served.connect();
  await initiator.login({ targetName: TARGET });
  served.clock.advance(3_600_000);
  assert.equal((await initiator.run(read(1), { length: BLOCK })).status, Status.good);
});

test('a long read is fetched as fast as the initiator takes it', async () => {
  const length = 8 << 20;
  const content = Buffer.alloc(length);
  for (let at = 0; at < length; at += 4) content.writeUInt32BE(at, at);
  let fetched = 0;
  let taken = 0;
  let mostAhead = 0;
  class Counting extends MemoryDevice {
    override read(offset: number, size: number): readonly Uint8Array[] {
      fetched += size;
      mostAhead = Math.max(mostAhead, fetched - taken);
      return super.read(offset, size);
    }
  }
  await using served = await serveTarget({ device: new Counting(content), line: { window: 256 * 1024 } });
  const initiator = await served.connect();
  await initiator.login({ targetName: TARGET, keys: { MaxRecvDataSegmentLength: '262144' } });
  const tag = initiator.command(read(length / BLOCK), { length });
  const parts: Uint8Array[] = [];
  while (taken < length) {
    const pdu = await initiator.expect(Opcode.dataIn);
    parts.push(...pdu.data);
    taken += pdu.dataLength;
  }
  assert.ok(content.equals(Buffer.concat(parts)));
  assert.ok(mostAhead <= 3 << 20, `${mostAhead} bytes were fetched ahead of the initiator`);
  assert.ok(tag > 0);
});

test('close waits for the answer of a task and flushes the devices', async () => {
  const device = new HeldDevice(8 * BLOCK);
  const served = await serveTarget({ device });
  const initiator = await served.connect();
  await initiator.login({ targetName: TARGET });
  const tag = initiator.command(Transfer10Cdb.encode({ operationCode: 0x2a, transferLength: 1 }), {
    direction: 'write',
    length: BLOCK,
    immediateData: new Uint8Array(BLOCK).fill(5),
  });
  await device.holding(1);
  const closing = served.portal.close();
  device.releaseAll();
  assert.equal((await initiator.result(tag)).status, Status.good);
  await initiator.closed;
  await closing;
  assert.equal(device.flushes, 1);
});

test('close does not wait for ever', async () => {
  const device = new HeldDevice(8 * BLOCK);
  const served = await serveTarget({ device });
  const initiator = await served.connect();
  await initiator.login({ targetName: TARGET });
  initiator.command(read(1), { length: BLOCK });
  await device.holding(1);
  const closing = served.portal.close();
  served.clock.advance(5_000);
  await initiator.closed;
  await closing;
  assert.equal(served.clock.pending, 0);
});

/** Closes a portal with one initiator that has fallen silent; gives the milliseconds that it took, if it was done in five seconds. */
async function closingTime(served: ServedTarget): Promise<number | undefined> {
  let took: number | undefined;
  const start = served.clock.monotonic();
  void served.portal.close().then(() => {
    took = served.clock.monotonic() - start;
  });
  await settled();
  for (let waited = 0; waited < 5_000 && took === undefined; waited += 500) await served.clock.pass(500);
  return took;
}

test('close gives up an initiator that was switched off after a second', async () => {
  const served = await serveTarget();
  const initiator = await served.connect();
  await initiator.login({ targetName: TARGET });
  initiator.tcp.pause();
  assert.equal(await closingTime(served), 1_000);
  assert.equal(served.clock.pending, 0, 'no timer is left');
});

test('close does not wait at all for an initiator that has left a question unanswered', async () => {
  const served = await serveTarget();
  const initiator = await served.connect();
  await initiator.login({ targetName: TARGET });
  initiator.ping();
  await initiator.expect(Opcode.nopIn);
  initiator.tcp.pause();
  served.clock.advance(15_000);
  served.clock.advance(15_000);
  assert.equal(await closingTime(served), 0);
  assert.equal(served.events.find((event) => event.kind === 'session ended')?.reason, 'unresponsive');
  assert.equal(served.clock.pending, 0, 'no timer is left');
});

test('close gives up a long read that nobody takes, and gives one that is taken late all of it', async () => {
  const length = 4 << 20;
  const silent = await serveTarget({ device: new MemoryDevice(length), line: { window: 65_536 } });
  const gone = await silent.connect();
  await gone.login({ targetName: TARGET });
  gone.tcp.pause();
  gone.command(read(length / BLOCK), { length });
  await settled();
  assert.equal(await closingTime(silent), 1_000);

  const patient = await serveTarget({ device: new MemoryDevice(length), line: { window: 65_536 } });
  const slow = await patient.connect();
  await slow.login({ targetName: TARGET });
  slow.tcp.pause();
  const tag = slow.command(read(length / BLOCK), { length });
  await settled();
  const closing = patient.portal.close();
  await patient.clock.pass(900);
  slow.tcp.resume();
  const result = await slow.result(tag);
  assert.equal(result.status, Status.good);
  assert.equal(result.data.length, length);
  await closing;
});

test('a target that cannot be made refuses the login, and says why to its owner', async () => {
  await using served = await serveTarget({
    portal: { directory: { names: () => [], find: () => Promise.reject(new Error('the disk is full')) } },
  });
  const initiator = await served.connect();
  assert.equal(await initiator.tryLogin({ targetName: TARGET }), LoginStatus.serviceUnavailable);
  const failed = served.events.find((event) => event.kind === 'login failed');
  assert.match(String(failed?.error.message), /the disk is full/);
});

test('a redirect names the other portal', async () => {
  await using served = await serveTarget({
    portal: {
      directory: {
        names: () => [],
        find: () => ({ redirectTo: { address: '192.0.2.7', port: 3261 }, permanent: false }),
      },
    },
  });
  const initiator = await served.connect();
  assert.equal(await initiator.tryLogin({ targetName: TARGET }), LoginStatus.targetMovedTemporarily);
});

test('one connection too many is turned away', async () => {
  await using served = await serveTarget({ portal: { maximumConnections: 1 } });
  const first = await served.connect();
  await first.login({ targetName: TARGET });
  const second = await served.connect();
  await second.closed;
  assert.equal((await first.run(read(1), { length: BLOCK })).status, Status.good);
});

test('one session too many is refused as long as none ends, even where they have no connection (RFC 7143 §11.13.5)', async () => {
  await using served = await serveTarget({ portal: { maximumSessions: 2 } });
  const keys = { ErrorRecoveryLevel: '2', DefaultTime2Retain: '20' };
  const lost = await served.login(keys, { isid: '800000000001' });
  lost.tcp.destroy();
  await served.login(keys, { isid: '800000000002' });
  const another = { targetName: TARGET, isid: '800000000003' };
  assert.equal(await (await served.connect()).tryLogin(another), LoginStatus.outOfResources);
  await served.login(keys, { isid: '800000000002' });
  assert.equal(served.portal.sessions.length, 2, 'a session in the place of another is one no more');
  await served.clock.pass(22_000);
  assert.notEqual(typeof (await (await served.connect()).tryLogin(another)), 'number');
});

test('a target whose session handles are all in use takes no more sessions', async () => {
  await using served = await serveTarget();
  const first = await served.login();
  const { sessions } = served.target;
  const [session] = sessions;
  assert.ok(session !== undefined);
  for (let tsih = 1; tsih <= 0xffff; tsih++) {
    if (tsih !== session.tsih) sessions.add(Object.create(session, { tsih: { value: tsih } }));
  }
  const another = { targetName: TARGET, isid: '800000000003' };
  assert.equal(await (await served.connect()).tryLogin(another), LoginStatus.outOfResources);
  for (const each of sessions) if (each !== session) sessions.delete(each);
  first.logout();
  await first.closed;
});

test('what follows a login of one request waits until the session that it reinstates has ended (RFC 7143 §6.3.5)', async () => {
  const device = new HeldDevice(64 * BLOCK);
  await using served = await serveTarget({ device });
  const old = await served.connect();
  await old.login({ targetName: TARGET });
  const data = new Uint8Array(BLOCK);
  const write = Transfer10Cdb.encode({ operationCode: 0x2a, transferLength: 1 });
  old.command(write, { direction: 'write', length: BLOCK, immediateData: data });
  await device.holding(1);

  const again = await served.connect();
  const names = [
    { key: 'InitiatorName', value: INITIATOR },
    { key: 'TargetName', value: TARGET },
  ];
  const header = LoginRequest.encode({
    opcode: Opcode.loginRequest,
    immediate: true,
    transit: true,
    currentStage: 1,
    nextStage: 3,
    isid: Buffer.from('800000000001', 'hex'),
    cid: 1,
    cmdSN: again.cmdSN,
  });
  again.send(header, [encodeText(names)]);
  const ping = again.ping();
  assert.equal(LoginResponse.view((await again.expect(Opcode.loginResponse)).header).statusClass, 0);
  await settled();
  device.releaseAll();
  assert.equal(NopIn.view((await again.expect(Opcode.nopIn)).header).initiatorTaskTag, ping);
});
