/** COMPARE AND WRITE, ORWRITE(16) and WRITE ATOMIC(16) against a target. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import { HeldDevice } from '../held-device.ts';
import { serveTarget } from '../served-target.ts';
import { Asker, settled } from './asker.ts';

const BLOCK = 512;
const filled = (byte: string, blocks = 1): Buffer => Buffer.alloc(blocks * BLOCK, byte);
const compareAndWrite = '89 00 0000000000000001 000000 01 00 00';
const write = '8a 00 0000000000000001 00000001 00 00';
const read = '88 00 0000000000000001 00000001 00 00';

describe('COMPARE AND WRITE', () => {
  test('writes where the medium is as expected', async () => {
    await using served = await serveTarget({ device: new MemoryDevice(filled('a', 4)) });
    const asker = await Asker.login(served);
    const data = Buffer.concat([filled('a'), filled('b')]);
    assert.equal((await asker.give(compareAndWrite, data)).says, 'good');
    assert.deepEqual((await asker.ask(read, BLOCK)).data, filled('b'));
  });

  test('a miscompare says where, and leaves the medium (SBC-3)', async () => {
    await using served = await serveTarget({ device: new MemoryDevice(filled('a', 4)) });
    const asker = await Asker.login(served);
    const expected = filled('a');
    expected[27] = 0;
    const refused = await asker.give(compareAndWrite, Buffer.concat([expected, filled('b')]));
    assert.equal(refused.says, '0e/1d00');
    assert.equal(refused.sense?.information, 27n);
    assert.deepEqual((await asker.ask(read, BLOCK)).data, filled('a'));
  });

  test('without both halves of the data it is refused', async () => {
    await using served = await serveTarget();
    const asker = await Asker.login(served);
    assert.equal((await asker.give(compareAndWrite, filled('a'))).says, '05/2400');
    assert.equal((await asker.give(compareAndWrite, filled('a', 3))).says, '05/2400');
  });

  test('no write of another nexus comes between, and others do not wait', async () => {
    const device = new HeldDevice(Buffer.alloc(4 * BLOCK, 'a'));
    await using served = await serveTarget({ device });
    const [one, two] = [await Asker.login(served, 1), await Asker.login(served, 2)];
    const comparing = one.send(compareAndWrite, Buffer.concat([filled('a'), filled('b')]));
    await device.holding(1);
    const same = two.send(write, filled('c'));
    const elsewhere = two.send('8a 00 0000000000000003 00000001 00 00', filled('d'));
    await device.holding(2);
    await settled();
    assert.deepEqual(
      device.held.map(({ operation }) => operation),
      ['read', 'write'],
      'the write to the same block has not begun',
    );
    device.releaseAll();
    assert.equal((await two.answerTo(elsewhere)).says, 'good');
    await device.holding(1);
    device.releaseAll();
    assert.equal((await one.answerTo(comparing)).says, 'good');
    await device.holding(1);
    device.releaseAll();
    assert.equal((await two.answerTo(same)).says, 'good');
    const reading = one.send(read);
    await device.holding(1);
    device.releaseAll();
    await one.answerTo(reading);
  });

  test('it waits for the write that came before it', async () => {
    const device = new HeldDevice(Buffer.alloc(4 * BLOCK, 'a'));
    await using served = await serveTarget({ device });
    const [one, two] = [await Asker.login(served, 1), await Asker.login(served, 2)];
    const writing = two.send(write, filled('c'));
    await device.holding(1);
    const comparing = one.send(compareAndWrite, Buffer.concat([filled('c'), filled('b')]));
    await settled();
    assert.equal(device.held.length, 1);
    device.releaseAll();
    assert.equal((await two.answerTo(writing)).says, 'good');
    await device.holding(1);
    device.releaseAll();
    await device.holding(1);
    device.releaseAll();
    assert.equal((await one.answerTo(comparing)).says, 'good');
  });
});

test('ORWRITE sets bits and clears none', async () => {
  await using served = await serveTarget({ device: new MemoryDevice(Buffer.alloc(4 * BLOCK, 0b1010)) });
  const asker = await Asker.login(served);
  const said = await asker.give('8b 00 0000000000000001 00000001 00 00', Buffer.alloc(BLOCK, 0b0110));
  assert.equal(said.says, 'good');
  assert.deepEqual((await asker.ask(read, BLOCK)).data, Buffer.alloc(BLOCK, 0b1110));
});

/** 512e */
class LargeSectors extends MemoryDevice {
  override readonly physicalBlockSize = 4096;
}

test('WRITE ATOMIC takes whole physical blocks, up to what page B0h says', async () => {
  await using served = await serveTarget({ device: new LargeSectors(8 << 20) });
  const asker = await Asker.login(served);
  const limits = (await asker.ask('12 01 b0 00ff 00')).data;
  const maximum = limits.readUInt32BE(44);
  assert.equal(limits.readUInt32BE(48), 8);
  assert.equal(limits.readUInt32BE(52), 8);
  const atomic = (lba: number, blocks: number, boundary = 0): string =>
    `9c 00 ${lba.toString(16).padStart(16, '0')} ${boundary.toString(16).padStart(4, '0')} ${blocks.toString(16).padStart(4, '0')} 00 00`;
  assert.equal((await asker.give(atomic(8, 8), filled('a', 8))).says, 'good');
  assert.equal((await asker.give(atomic(1, 8), filled('a', 8))).says, '05/2400', 'alignment');
  assert.equal((await asker.give(atomic(0, 4), filled('a', 4))).says, '05/2400', 'granularity');
  assert.equal((await asker.give(atomic(0, 8, 8), filled('a', 8))).says, '05/2400', 'boundary');
  assert.equal((await asker.give(atomic(0, maximum + 8), filled('a', 8))).says, '05/2400', 'length');
});
