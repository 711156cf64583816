/**
 * Firmware hands its disk over without a word: its session stays, with whatever it holds, while the operating system logs in beside it
 * under the same name and another ISID (RFC 7143 §4.2.8).
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import { TaskManagementFunction, TaskManagementResponseCode } from '../../../src/iscsi/pdu.ts';
import { serveTarget } from '../served-target.ts';
import { Asker } from './asker.ts';

const BLOCK = Buffer.alloc(512, 'x');
const write = '2a 00 00000000 00 0001 00';
const read = '28 00 00000000 00 0001 00';
const inquiry = '12 00 00 00ff 00';
const reportLuns = 'a0 00 00 000000 000000ff 00 00';
const reserve = '16 00 00 00 00 00';
const prevent = '1e 00 00 00 01 00';
const eject = '1b 00 00 00 02 00';

const removable = { features: new Map([[0, { removable: true }]]), device: new MemoryDevice(1 << 20) };

/** Takes the unit attention that a reset, or the loss of its nexus, has left. */
async function attention(asker: Asker): Promise<void> {
  assert.match((await asker.ask('00 00 00 00 00 00')).says, /^06\/29/);
}

test('a system finds a unit that the firmware has left reserved, and frees it by a reset', async () => {
  await using served = await serveTarget();
  const [firmware, system] = [await Asker.login(served, 1), await Asker.login(served, 2)];
  assert.equal((await firmware.ask(reserve)).says, 'good');
  assert.equal((await system.ask(inquiry)).says, 'good');
  assert.equal((await system.ask(reportLuns)).says, 'good');
  assert.equal((await system.give(write, BLOCK)).says, 'conflict');
  assert.equal(
    await system.manage(TaskManagementFunction.logicalUnitReset),
    TaskManagementResponseCode.functionComplete,
  );
  await attention(system);
  assert.equal((await system.give(write, BLOCK)).says, 'good');
  assert.deepEqual((await system.ask(read, 512)).data, BLOCK);
  await attention(firmware);
  assert.deepEqual((await firmware.ask(read, 512)).data, BLOCK);
});

test('a system that takes the ISID of the firmware ends its session, and with it the reservation (RFC 7143 §6.3.5)', async () => {
  await using served = await serveTarget();
  const [firmware, system] = [await Asker.login(served, 1), await Asker.login(served, 2)];
  assert.equal((await firmware.ask(reserve)).says, 'good');
  assert.equal((await system.give(write, BLOCK)).says, 'conflict');
  const successor = await Asker.login(served, 1);
  await firmware.raw.closed;
  // The nexus of that port was lost (06h/29h/07h).
  await attention(successor);
  assert.equal((await successor.give(write, BLOCK)).says, 'good');
  assert.equal((await system.give(write, BLOCK)).says, 'good');
});

test('a medium that the firmware has locked in can be read and written; only its removal waits for a reset', async () => {
  await using served = await serveTarget(removable);
  const [firmware, system] = [await Asker.login(served, 1), await Asker.login(served, 2)];
  assert.equal((await firmware.ask(prevent)).says, 'good');
  assert.equal((await system.give(write, BLOCK)).says, 'good');
  assert.deepEqual((await system.ask(read, 512)).data, BLOCK);
  assert.equal((await system.ask(eject)).says, '05/5302');
  assert.equal(
    await system.manage(TaskManagementFunction.logicalUnitReset),
    TaskManagementResponseCode.functionComplete,
  );
  await attention(system);
  assert.equal((await system.ask(eject)).says, 'good');
});
