/** Connections that want the place of one for which a device is still at work (RFC 7143 §6.3.4): nothing is left of those that give up. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Status, Transfer10Cdb } from '../../../src/scsi/index.ts';
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
