/** A removable medium: START STOP UNIT and PREVENT ALLOW MEDIUM REMOVAL (SBC-3). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opcode } from '../../../src/iscsi/opcode.ts';
import { ReadyToTransfer } from '../../../src/iscsi/pdu.ts';
import { HeldDevice } from '../held-device.ts';
import { type ServedTarget, serveTarget } from '../served-target.ts';
import { Asker } from './asker.ts';

const eject = '1b 00 00 00 02 00';
const load = '1b 00 00 00 03 00';
const prevent = '1e 00 00 00 01 00';
const allow = '1e 00 00 00 00 00';
const testUnitReady = '00 00 00 00 00 00';
const NO_MEDIUM = '02/3a00';

const removable = (device?: HeldDevice): Promise<ServedTarget> =>
  serveTarget({ features: new Map([[0, { removable: true }]]), ...(device === undefined ? {} : { device }) });

test('without a medium, what needs one says so, and the rest is answered', async () => {
  await using served = await removable();
  const asker = await Asker.login(served);
  assert.equal((await asker.ask('12 00 00 00ff 00')).data.readUInt8(1), 0x80, 'RMB');
  assert.equal((await asker.ask(eject, 0)).says, 'good');
  for (const cdb of [testUnitReady, '25', '9e 10 0000000000000000 00000020', '28 00 00000000 00 0001 00', '35']) {
    assert.equal((await asker.ask(cdb)).says, NO_MEDIUM, cdb);
  }
  assert.equal((await asker.ask('12 00 00 00ff 00')).says, 'good');
  const requested = await asker.ask('03 00 00 00 12 00');
  assert.equal(
    requested.data.subarray(2, 3).toString('hex') + requested.data.subarray(12, 14).toString('hex'),
    '023a00',
  );
  assert.equal((await asker.ask(load, 0)).says, 'good');
  assert.equal((await asker.ask(testUnitReady, 0)).says, 'good');
});

test('the other nexuses learn that the medium is back', async () => {
  await using served = await removable();
  const [one, two] = [await Asker.login(served, 1), await Asker.login(served, 2)];
  await one.ask(eject, 0);
  assert.equal((await two.ask(testUnitReady, 0)).says, NO_MEDIUM);
  await one.ask(load, 0);
  assert.equal((await two.ask(testUnitReady, 0)).says, '06/2800');
  assert.equal((await two.ask(testUnitReady, 0)).says, 'good');
});

test('one nexus that prevents removal is enough, until it allows it or goes', async () => {
  await using served = await removable();
  const [one, two] = [await Asker.login(served, 1), await Asker.login(served, 2)];
  await one.ask(prevent, 0);
  await two.ask(prevent, 0);
  await one.ask(allow, 0);
  assert.equal((await one.ask(eject, 0)).says, '05/5302');
  two.raw.logout();
  await two.raw.closed;
  assert.equal((await one.ask(eject, 0)).says, 'good');
});

test('a write whose data was on its way when the medium went is refused', async () => {
  const device = new HeldDevice(8 * 512);
  await using served = await removable(device);
  const asker = await Asker.login(served);
  const raw = asker.raw;
  const writing = raw.command(Buffer.from('2a000000000000000100000000000000', 'hex'), {
    direction: 'write',
    length: 512,
  });
  const { targetTransferTag } = ReadyToTransfer.view((await raw.expect(Opcode.readyToTransfer)).header);
  assert.equal((await asker.ask(eject, 0)).says, 'good');
  raw.sendSequence(writing, Buffer.alloc(512), targetTransferTag, 0, 512, 512);
  assert.equal((await asker.answerTo(writing)).says, NO_MEDIUM);
  assert.equal(device.held.length, 0, 'nothing was written');
});

test('a medium that is not removable stays', async () => {
  await using served = await serveTarget();
  const asker = await Asker.login(served);
  assert.equal((await asker.ask(eject, 0)).says, 'good');
  assert.equal((await asker.ask(testUnitReady, 0)).says, 'good');
});

test('a nexus may allow removal, and not prevent it, while another has reserved the unit (SPC-2)', async () => {
  await using served = await removable();
  const [holder, other] = [await Asker.login(served, 1), await Asker.login(served, 2)];
  assert.equal((await other.ask(prevent, 0)).says, 'good');
  assert.equal((await holder.ask('16 00 00 00 00 00', 0)).says, 'good');
  assert.equal((await other.ask(prevent, 0)).says, 'conflict');
  assert.equal((await other.ask(allow, 0)).says, 'good');
  assert.equal((await holder.ask(eject, 0)).says, 'good');
});
