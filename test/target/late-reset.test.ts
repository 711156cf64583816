/**
 * Resets and aborts that a device outlasts: answered with "function rejected" in time, they happen when the device is done, to what
 * there was when they were asked for.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TaskManagementFunction, TaskManagementResponseCode } from '../../src/iscsi/pdu.ts';
import { decodeSense, Status } from '../../src/scsi/index.ts';
import { settled } from '../support/simulated-clock.ts';
import { HeldDevice } from './held-device.ts';
import type { RawInitiator } from './raw-initiator.ts';
import { BLOCK, testUnitReady, write } from './scsi-requests.ts';
import { type ServedTarget, serveTarget } from './served-target.ts';
import { join, open } from './several-connections.ts';

const { logicalUnitReset, targetWarmReset, targetColdReset, itNexusReset, abortTask, queryTask } =
  TaskManagementFunction;
const { functionComplete, functionRejected, functionSucceeded, taskDoesNotExist } = TaskManagementResponseCode;

/** Milliseconds after which an answer comes in any case. */
const PATIENCE = 10_000;

const latest = { TaskReporting: 'ResponseFence,RFC3720', iSCSIProtocolLevel: '2' };
const reserve = Buffer.from('160000000000', 'hex');
const release = Buffer.from('170000000000', 'hex');
const prevent = Buffer.from('1e0000000100', 'hex');
const allow = Buffer.from('1e0000000000', 'hex');
const eject = Buffer.from('1b0000000200', 'hex');
/** MODE SENSE(6) and MODE SELECT(6) of the Control mode page, without block descriptors. */
const modeSense = Buffer.from('1a080a00ff00', 'hex');
const modeSelect = Buffer.from('151000001000', 'hex');
async function status(initiator: RawInitiator, cdb: Uint8Array): Promise<number> {
  return (await initiator.run(cdb, { direction: 'none' })).status;
}

async function senseCode(initiator: RawInitiator): Promise<number | undefined> {
  return decodeSense((await initiator.run(testUnitReady, { direction: 'none' })).sense)?.code;
}

/** A WRITE that the device keeps. */
async function stall(initiator: RawInitiator, device: HeldDevice): Promise<number> {
  const tag = initiator.command(write(1), { direction: 'write', length: BLOCK, immediateData: new Uint8Array(BLOCK) });
  await device.holding(1);
  return tag;
}

async function manageLate(served: ServedTarget, initiator: RawInitiator, fn: number): Promise<void> {
  initiator.manage(fn);
  await served.clock.pass(PATIENCE);
  assert.equal((await initiator.managed()).response, functionRejected);
}

/** The mode parameters of the Control mode page, whose D_SENSE is a bit of byte 6. */
async function controlPage(initiator: RawInitiator): Promise<Buffer> {
  return Buffer.from((await initiator.run(modeSense, { length: 255 })).data);
}

async function hasDescriptorSense(initiator: RawInitiator): Promise<boolean> {
  return ((await controlPage(initiator)).readUInt8(6) & 0x04) !== 0;
}

async function selectDescriptorSense(initiator: RawInitiator): Promise<void> {
  const immediateData = await controlPage(initiator);
  immediateData.fill(0, 0, 4);
  immediateData[4] = immediateData.readUInt8(4) & 0x3f;
  immediateData[6] = immediateData.readUInt8(6) | 0x04;
  const options = { direction: 'write', length: immediateData.length, immediateData } as const;
  assert.equal((await initiator.run(modeSelect, options)).status, Status.good);
}

for (const [name, fn, code] of [
  ['LOGICAL UNIT RESET', logicalUnitReset, 0x2903],
  ['TARGET WARM RESET', targetWarmReset, 0x2902],
] as const) {
  test(`${name}: what initiators are granted after it was asked for outlives it (RFC 7143 §11.5.1)`, async () => {
    const device = new HeldDevice(8 * BLOCK);
    await using served = await serveTarget({ device, features: new Map([[0, { removable: true }]]) });
    const one = await served.login({}, { isid: '800000000001' });
    const other = await served.login({}, { isid: '800000000002' });
    assert.equal(await status(one, reserve), Status.good);
    assert.equal(await status(one, prevent), Status.good);
    await selectDescriptorSense(one);
    await stall(one, device);
    await manageLate(served, one, fn);
    assert.equal(await senseCode(one), undefined, 'nothing has been reset');

    assert.equal(await status(one, release), Status.good);
    assert.equal(await status(one, allow), Status.good);
    await selectDescriptorSense(one);
    assert.equal(await senseCode(other), 0x2a01);
    assert.equal(await status(other, prevent), Status.good);
    assert.equal(await status(other, reserve), Status.good);
    const late = await served.login({}, { isid: '800000000003' });
    device.releaseAll();
    await settled();

    assert.equal(await senseCode(other), code);
    assert.equal(await status(one, reserve), Status.checkCondition, 'which tells it of the reset');
    assert.equal(await status(one, reserve), Status.reservationConflict, 'the unit is the other one’s');
    assert.equal(
      await status(late, reserve),
      Status.reservationConflict,
      'and who came after the reset is not told of it',
    );
    assert.equal(await status(other, release), Status.good);
    assert.equal(await status(one, eject), Status.checkCondition, 'the other one still prevents it');
    assert.equal(await hasDescriptorSense(one), true);
  });

  test(`${name}: what is granted once more to the same initiator outlives it, too`, async () => {
    const device = new HeldDevice(8 * BLOCK);
    await using served = await serveTarget({ device });
    const one = await served.login({}, { isid: '800000000001' });
    const other = await served.login({}, { isid: '800000000002' });
    assert.equal(await status(one, reserve), Status.good);
    await stall(one, device);
    await manageLate(served, one, fn);
    assert.equal(await status(one, reserve), Status.good);
    device.releaseAll();
    await settled();
    assert.equal(await senseCode(other), code);
    assert.equal(await status(other, testUnitReady), Status.reservationConflict);
  });

  test(`${name}: what there was is cleared, though late`, async () => {
    const device = new HeldDevice(8 * BLOCK);
    await using served = await serveTarget({ device, features: new Map([[0, { removable: true }]]) });
    const one = await served.login({}, { isid: '800000000001' });
    const other = await served.login({}, { isid: '800000000002' });
    assert.equal(await status(one, prevent), Status.good);
    await selectDescriptorSense(one);
    assert.equal(await status(one, reserve), Status.good);
    await stall(one, device);
    await manageLate(served, one, fn);
    device.releaseAll();
    await settled();
    assert.equal(await senseCode(other), code, 'of a reset before all else');
    assert.equal(await senseCode(other), 0x2a01);
    assert.equal(await hasDescriptorSense(other), false);
    assert.equal(await status(other, eject), Status.good);
  });
}

test('TARGET COLD RESET: the sessions of then end when the device is done, later ones go on (RFC 7143 §11.5.1)', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const one = await served.login({}, { isid: '800000000001' });
  const other = await served.login({}, { isid: '800000000002' });
  await stall(one, device);
  await manageLate(served, one, targetColdReset);
  const late = await served.login({}, { isid: '800000000003' });
  assert.equal(await senseCode(late), undefined);
  assert.equal(served.target.sessions.size, 3, 'not before');
  device.releaseAll();
  await Promise.all([one.closed, other.closed]);
  assert.deepEqual(
    [...served.target.sessions].map(({ isid }) => isid),
    ['800000000003'],
  );
  assert.equal(await senseCode(late), undefined);
  const reasons = served.events.flatMap((event) => (event.kind === 'session ended' ? event.reason : []));
  assert.deepEqual(reasons, ['reset', 'reset']);
});

test('TARGET COLD RESET: whose session is over by then still ends the others (RFC 7143 §11.5.1)', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const one = await served.login({}, { isid: '800000000001' });
  const other = await served.login({}, { isid: '800000000002' });
  await stall(one, device);
  one.manage(targetColdReset);
  await settled();
  one.tcp.destroy();
  await settled();
  assert.equal(served.target.sessions.size, 1);
  device.releaseAll();
  await other.closed;
  assert.equal(served.target.sessions.size, 0);
});

test('TARGET COLD RESET: whose answer waits for a Response Fence when its session is reinstated still ends the others', async () => {
  await using served = await serveTarget();
  const first = await open(served, { MaxConnections: '2', ...latest }, '800000000001');
  const second = await join(served, first, 2);
  const other = await served.login({}, { isid: '800000000002' });
  // What the second connection is told it never acknowledges.
  await second.run(testUnitReady, { direction: 'none' });
  first.cmdSN = second.cmdSN;
  first.manage(targetColdReset);
  await settled();
  assert.equal(served.target.sessions.size, 2, 'the answer waits');
  const next = await served.login({}, { isid: '800000000001' });
  await Promise.all([first.closed, second.closed, other.closed]);
  assert.equal(served.target.sessions.size, 1);
  assert.equal(await senseCode(next), undefined);
});

test('I_T NEXUS RESET: the session ends when the device is done, and no other (RFC 7144 §6.3)', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const one = await served.login(latest, { isid: '800000000001' });
  const other = await served.login(latest, { isid: '800000000002' });
  await stall(one, device);
  await manageLate(served, one, itNexusReset);
  assert.equal(served.target.sessions.size, 2);
  device.releaseAll();
  await one.closed;
  assert.equal(served.target.sessions.size, 1);
  assert.equal(await senseCode(other), undefined);
});

test('a task that was aborted, and that the device keeps, is there until the device is done (RFC 7143 §11.5.1, RFC 7144 §6.3)', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const one = await served.login(latest);
  const referencedTaskTag = await stall(one, device);
  const ask = async (fn: number): Promise<number> => {
    one.manage(fn, { referencedTaskTag });
    await served.clock.pass(PATIENCE);
    return (await one.managed()).response;
  };
  assert.equal(await ask(abortTask), functionRejected);
  assert.equal(await ask(abortTask), functionRejected, 'asked once more, it may still write');
  assert.equal(await ask(queryTask), functionSucceeded);
  one.manage(abortTask, { referencedTaskTag });
  await settled();
  device.releaseAll();
  assert.equal((await one.managed()).response, functionComplete);
  assert.equal(await ask(queryTask), taskDoesNotExist);
});
