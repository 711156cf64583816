import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Device } from '../../src/block/device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { Opcode } from '../../src/iscsi/opcode.ts';
import { TaskManagementFunction, TaskManagementResponseCode } from '../../src/iscsi/pdu.ts';
import { Status, TestUnitReadyCdb, Transfer10Cdb } from '../../src/scsi/index.ts';
import { settled } from '../support/simulated-clock.ts';
import { HeldDevice } from './held-device.ts';
import { serveTarget } from './served-target.ts';

const BLOCK = 512;
const MIB = 1 << 20;
const one = Transfer10Cdb.encode({ operationCode: 0x28, transferLength: 1 });
const mebibyte = Transfer10Cdb.encode({ operationCode: 0x28, transferLength: MIB / BLOCK });
const testUnitReady = TestUnitReadyCdb.encode({ operationCode: 0x00 });

test('while a device keeps as many READs waiting as there is room for, everything else is answered', async () => {
  const stalled = new HeldDevice(64 * MIB);
  await using served = await serveTarget({
    units: new Map<number, Device>([
      [0, stalled],
      [1, new MemoryDevice(MIB)],
    ]),
  });
  const initiator = await served.login();
  for (let count = 0; count < 32; count++) initiator.command(mebibyte, { length: MIB });
  await stalled.holding(16);
  initiator.ping();
  await initiator.expect(Opcode.nopIn);
  assert.equal((await initiator.run(testUnitReady, { direction: 'none' })).status, Status.good);
  assert.equal((await initiator.run(one, { length: BLOCK, lun: 1 })).status, Status.good);
  await settled();
  assert.equal(stalled.held.length, 16, 'the device is asked for no more than there is room for');
  initiator.manage(TaskManagementFunction.logicalUnitReset);
  await settled();
  stalled.releaseAll();
  assert.equal((await initiator.managed()).response, TaskManagementResponseCode.functionComplete);
  assert.equal(stalled.held.length, 0, 'what waited was ended and never read');
});

test('READs that wait for room are begun in their order, as others end', async () => {
  const stalled = new HeldDevice(64 * MIB);
  await using served = await serveTarget({ device: stalled });
  const initiator = await served.login();
  const tags = Array.from({ length: 20 }, () => initiator.command(mebibyte, { length: MIB }));
  await stalled.holding(16);
  for (const tag of tags) {
    stalled.held.shift()?.release();
    assert.equal((await initiator.result(tag)).status, Status.good);
  }
  assert.equal(stalled.held.length, 0);
});

test('a READ that waits for room is aborted at once', async () => {
  const stalled = new HeldDevice(64 * MIB);
  await using served = await serveTarget({ device: stalled });
  const initiator = await served.login();
  for (let count = 0; count < 16; count++) initiator.command(mebibyte, { length: MIB });
  const waiting = initiator.command(mebibyte, { length: MIB });
  await stalled.holding(16);
  initiator.manage(TaskManagementFunction.abortTask, { referencedTaskTag: waiting, refCmdSN: 17 });
  assert.equal((await initiator.managed()).response, TaskManagementResponseCode.functionComplete);
  stalled.releaseAll();
  await settled();
  assert.equal(stalled.held.length, 0);
});

test('a unit that is alone in its stall does not keep another from its first READ, nor from the one after it', async () => {
  const stalled = new HeldDevice(64 * MIB);
  const slow = new HeldDevice(MIB);
  await using served = await serveTarget({
    units: new Map([
      [0, stalled],
      [1, slow],
    ]),
  });
  const initiator = await served.login();
  for (let count = 0; count < 16; count++) initiator.command(mebibyte, { length: MIB });
  await stalled.holding(16);
  const tags = [1, 2, 3].map(() => initiator.command(mebibyte, { length: MIB, lun: 1 }));
  for (const tag of tags) {
    await slow.holding(1);
    await settled();
    assert.equal(slow.held.length, 1);
    slow.releaseAll();
    assert.equal((await initiator.result(tag)).status, Status.good);
  }
  stalled.releaseAll();
});

test('small READs, which never wait for room, ask for no more than the command window times 64 KiB', async () => {
  const stalled = new HeldDevice(64 * MIB);
  let asked = 0;
  const read = stalled.read.bind(stalled);
  stalled.read = (offset, length) => {
    asked += length;
    return read(offset, length);
  };
  await using served = await serveTarget({ device: stalled });
  const initiator = await served.login();
  const small = Transfer10Cdb.encode({ operationCode: 0x28, transferLength: 128 });
  for (let count = 0; count < 200; count++) initiator.command(small, { length: 64 << 10 });
  await stalled.holding(128);
  await settled();
  stalled.releaseAll();
  assert.equal(asked, 8 * MIB);
});
