/** SANITIZE at a target: what it keeps out, and what cannot stop it (SBC-3). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TaskManagementFunction } from '../../../src/iscsi/pdu.ts';
import { HeldDevice } from '../held-device.ts';
import { serveTarget } from '../served-target.ts';
import { Asker, settled } from './asker.ts';

const overwrite = '48 01 0000000000 0005 00';
const pattern = '01 00 0001 5a';
const testUnitReady = '00 00 00 00 00 00';

test('neither ABORT TASK nor a reset nor a lost nexus stops it', async () => {
  const device = new HeldDevice(Buffer.alloc(16 * 512, 'a'));
  await using served = await serveTarget({ device });
  const [asker, other] = [await Asker.login(served, 1), await Asker.login(served, 2)];
  const sanitizing = asker.send(overwrite, pattern);
  await device.holding(1);
  const busy = await other.ask(testUnitReady, 0);
  assert.equal(busy.says, '02/041b');
  assert.equal(busy.sense?.progress, 0);
  assert.equal((await other.ask('28 00 00000000 00 0001 00', 512)).says, '02/041b');
  assert.equal((await other.ask('12 00 00 00ff 00')).says, 'good');
  assert.equal(await asker.manage(TaskManagementFunction.abortTask, sanitizing), 0);
  assert.equal(await asker.manage(TaskManagementFunction.logicalUnitReset), 0);
  assert.equal((await other.ask(testUnitReady, 0)).says, '06/2903');
  assert.equal((await other.ask(testUnitReady, 0)).says, '02/041b');
  asker.raw.logout();
  await asker.raw.closed;
  assert.equal((await other.ask(testUnitReady, 0)).says, '02/041b');
  device.releaseAll();
  await settled();
  assert.equal((await other.ask(testUnitReady, 0)).says, 'good');
  const reading = other.raw.command(Buffer.from('28000000000000000100000000000000', 'hex'), { length: 512 });
  await device.holding(1);
  device.releaseAll();
  assert.deepEqual((await other.answerTo(reading)).data, Buffer.alloc(512, 0x5a));
});

test('it is answered when it is done, with IMMED when it has begun', async () => {
  const device = new HeldDevice(Buffer.alloc(16 * 512, 'a'));
  await using served = await serveTarget({ device });
  const asker = await Asker.login(served);
  assert.equal((await asker.give('48 81 0000000000 0005 00', pattern)).says, 'good');
  assert.equal((await asker.ask(testUnitReady, 0)).says, '02/041b');
  device.releaseAll();
  await settled();
  const waiting = asker.send(overwrite, pattern);
  await device.holding(1);
  device.releaseAll();
  assert.equal((await asker.answerTo(waiting)).says, 'good');
});

test('what an earlier command writes late is sanitized too', async () => {
  const device = new HeldDevice(Buffer.alloc(16 * 512, 'a'));
  await using served = await serveTarget({ device });
  const asker = await Asker.login(served);
  const writing = asker.send('2a 00 00000000 00 0001 00', Buffer.alloc(512, 'b'));
  await device.holding(1);
  const sanitizing = asker.send(overwrite, pattern);
  await settled();
  assert.equal(device.held.length, 1, 'it waits for the write');
  assert.equal((await asker.ask('28 00 00000000 00 0001 00', 512)).says, '02/041b', 'but lets nothing in');
  device.releaseAll();
  assert.equal((await asker.answerTo(writing)).says, 'good');
  await device.holding(1);
  device.releaseAll();
  assert.equal((await asker.answerTo(sanitizing)).says, 'good');
  assert.deepEqual(device.content(0, 512), Buffer.alloc(512, 0x5a));
});

test('a write-protected unit refuses it', async () => {
  await using served = await serveTarget();
  const asker = await Asker.login(served);
  assert.equal((await asker.give('15 10 00 00 10 00', '00000000 0a0a 0010 08 00 00 00 00 00 00 00')).says, 'good');
  assert.equal((await asker.give(overwrite, pattern)).says, '07/2700');
});
