/** A device without room for what is written: DATA PROTECT, SPACE ALLOCATION FAILED WRITE PROTECT (SBC-3), and life goes on. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FaultDevice } from '../../../src/block/fault-device.ts';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';
import { serveTarget } from '../served-target.ts';
import { Asker } from './asker.ts';

const BLOCK = 512;
const NO_ROOM = '07/2707';
const block = (letter: string): Buffer => Buffer.alloc(BLOCK, letter);
const zeros = Buffer.alloc(BLOCK);

const changes: readonly (readonly [string, string, Buffer | string])[] = [
  ['WRITE(6)', '0a 00 00 00 01 00', block('b')],
  ['WRITE(10)', '2a 00 00000000 00 0001 00', block('b')],
  ['WRITE(12)', 'aa 00 00000000 00000001 00 00', block('b')],
  ['WRITE(16)', '8a 00 0000000000000000 00000001 00 00', block('b')],
  ['WRITE(32)', '7f 00 00 00 00 00 00 18 000b 00 00 0000000000000000 00000000 0000 0000 00000001', block('b')],
  ['WRITE AND VERIFY(10)', '2e 00 00000000 00 0001 00', block('b')],
  ['WRITE AND VERIFY(12)', 'ae 00 00000000 00000001 00 00', block('b')],
  ['WRITE AND VERIFY(16)', '8e 00 0000000000000000 00000001 00 00', block('b')],
  [
    'WRITE AND VERIFY(32)',
    '7f 00 00 00 00 00 00 18 000c 00 00 0000000000000000 00000000 0000 0000 00000001',
    block('b'),
  ],
  ['WRITE SAME(10)', '41 00 00000000 00 0001 00', block('b')],
  ['WRITE SAME(16)', '93 00 0000000000000000 00000001 00 00', block('b')],
  ['WRITE SAME(16) of zeros', '93 00 0000000000000000 00000001 00 00', zeros],
  ['WRITE SAME(16) with NDOB', '93 01 0000000000000000 00000001 00 00', ''],
  ['WRITE SAME(32)', '7f 00 00 00 00 00 00 18 000d 00 00 0000000000000000 00000000 0000 0000 00000001', block('b')],
  ['WRITE ATOMIC(16)', '9c 00 0000000000000000 0000 0001 00 00', block('b')],
  ['COMPARE AND WRITE', '89 00 0000000000000000 000000 01 00 00', Buffer.concat([block('a'), block('b')])],
  ['ORWRITE(16)', '8b 00 0000000000000000 00000001 00 00', block('b')],
  ['ORWRITE(32)', '7f 00 00 00 00 00 00 18 000e 00 00 0000000000000000 00000000 00000000 00000001', block('b')],
  ['UNMAP', '42 00 00000000 00 0018 00', `0016 0010 00000000 ${'0'.padStart(16, '0')} 00000001 00000000`],
  ['WRITE SAME(16) with UNMAP', '93 08 0000000000000000 00000001 00 00', zeros],
];

async function serveFull() {
  const disk = new MemoryDevice(Buffer.alloc(16 * BLOCK, 'a'));
  const device = new FaultDevice(disk, new SimulatedClock());
  const served = await serveTarget({ device });
  const asker = await Asker.login(served);
  const fill = (): (() => void) =>
    device.inject({ operations: ['write', 'writeZeroes', 'unmap'], error: 'DEVICE_NO_SPACE' });
  return { served, disk, device, asker, fill };
}

for (const [what, cdb, data] of changes) {
  test(`${what} fails, changes nothing, and succeeds as soon as there is room`, async () => {
    const { served, disk, asker, fill } = await serveFull();
    await using _ = served;
    const free = fill();
    assert.equal((await asker.give(cdb, data)).says, NO_ROOM);
    assert.deepEqual(Buffer.concat(disk.read(0, disk.size)), Buffer.alloc(disk.size, 'a'));
    assert.deepEqual(
      (await asker.ask('28 00 00000000 00 0001 00', BLOCK)).data,
      block('a'),
      'what there is can be read',
    );
    free();
    assert.equal((await asker.give(cdb, data)).says, 'good');
    assert.notDeepEqual(Buffer.concat(disk.read(0, BLOCK)), block('a'));
  });
}

describe('SYNCHRONIZE CACHE', () => {
  for (const [what, cdb] of [
    ['(10)', '35 00 00000000 00 0000 00'],
    ['(16)', '91 00 0000000000000000 00000000 00 00'],
  ] as const) {
    test(`${what} that finds no room says so: what was acknowledged is not safe`, async () => {
      const { served, device, asker } = await serveFull();
      await using _ = served;
      device.inject({ operations: ['flush'], error: 'DEVICE_NO_SPACE', times: 1 });
      assert.equal((await asker.ask(cdb, 0)).says, NO_ROOM);
      assert.equal((await asker.ask(cdb, 0)).says, 'good');
    });
  }
});

test('FORMAT UNIT and SANITIZE without room', async () => {
  const { served, asker, fill } = await serveFull();
  await using _ = served;
  const free = fill();
  assert.equal((await asker.give('04 00 00 0000 00', '')).says, NO_ROOM);
  assert.equal((await asker.give('48 82 0000000000 0000 00', '')).says, 'good', 'with IMMED: it has begun');
  assert.equal((await asker.ask('00 00 00 00 00 00', 0)).says, '03/3103', 'SANITIZE COMMAND FAILED');
  free();
  assert.equal((await asker.give('48 02 0000000000 0000 00', '')).says, 'good');
  assert.equal((await asker.ask('00 00 00 00 00 00', 0)).says, 'good');
});
