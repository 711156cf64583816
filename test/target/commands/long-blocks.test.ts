/** The commands of a disk in CDBs of 32 bytes. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import { serveTarget } from '../served-target.ts';
import { Asker } from './asker.ts';

const BLOCK = 512;
const blocks = (letters: string): Buffer => Buffer.concat(Array.from(letters, (letter) => Buffer.alloc(BLOCK, letter)));

interface Fields {
  readonly action: number;
  readonly lba?: number;
  readonly length?: number;
  /** Byte 10: protection, DPO, FUA, BYTCHK or UNMAP. */
  readonly flags?: number;
  /** Bytes 20 to 27: tags, or generations. */
  readonly tags?: string;
  readonly additionalLength?: number;
  /** Byte 2. */
  readonly bitmapOperation?: number;
}

function cdb32({
  action,
  lba = 0,
  length = 1,
  flags = 0,
  tags = '',
  additionalLength = 0x18,
  bitmapOperation = 0,
}: Fields): string {
  const cdb = Buffer.alloc(32);
  cdb.writeUInt8(0x7f, 0);
  cdb.writeUInt8(bitmapOperation, 2);
  cdb.writeUInt8(additionalLength, 7);
  cdb.writeUInt16BE(action, 8);
  cdb.writeUInt8(flags, 10);
  cdb.writeBigUInt64BE(BigInt(lba), 12);
  cdb.write(tags, 20, 'hex');
  cdb.writeUInt32BE(length, 28);
  return cdb.toString('hex');
}

const [READ, VERIFY, WRITE, WRITE_AND_VERIFY, WRITE_SAME, ORWRITE] = [9, 10, 11, 12, 13, 14] as const;

test('READ(32) and WRITE(32) move blocks; the tags of protection information are not looked at', async () => {
  const device = new MemoryDevice(blocks('abcdefgh'));
  await using served = await serveTarget({ device });
  const asker = await Asker.login(served);
  const tags = '0123456789abcdef';
  assert.deepEqual((await asker.ask(cdb32({ action: READ, lba: 2, length: 3, tags }), 3 * BLOCK)).data, blocks('cde'));
  const write = cdb32({ action: WRITE, lba: 6, length: 2, flags: 0x18, tags });
  assert.equal((await asker.give(write, blocks('xy'))).says, 'good');
  assert.deepEqual(Buffer.concat(device.read(0, 8 * BLOCK)), blocks('abcdefxy'));
});

test('VERIFY(32) compares where BYTCHK asks for it, and WRITE AND VERIFY(32) writes', async () => {
  const device = new MemoryDevice(blocks('aabb'));
  await using served = await serveTarget({ device });
  const asker = await Asker.login(served);
  assert.equal((await asker.ask(cdb32({ action: VERIFY, length: 4 }), 0)).says, 'good');
  assert.equal((await asker.give(cdb32({ action: VERIFY, length: 2, flags: 0x02 }), blocks('aa'))).says, 'good');
  const { says, sense } = await asker.give(cdb32({ action: VERIFY, length: 4, flags: 0x06 }), blocks('a'));
  assert.equal(says, '0e/1d00');
  assert.equal(sense?.information, BigInt(2 * BLOCK));
  assert.equal((await asker.give(cdb32({ action: WRITE_AND_VERIFY, lba: 3, flags: 0x02 }), blocks('z'))).says, 'good');
  assert.deepEqual(Buffer.concat(device.read(0, 4 * BLOCK)), blocks('aabz'));
});

test('WRITE SAME(32) writes one block many times, with NDOB zeros, and gives blocks back', async () => {
  const device = new MemoryDevice(blocks('abcdefgh'));
  await using served = await serveTarget({ device });
  const asker = await Asker.login(served);
  assert.equal((await asker.give(cdb32({ action: WRITE_SAME, lba: 1, length: 3 }), blocks('s'))).says, 'good');
  assert.equal((await asker.ask(cdb32({ action: WRITE_SAME, lba: 5, length: 1, flags: 0x01 }), 0)).says, 'good');
  assert.equal(
    (await asker.give(cdb32({ action: WRITE_SAME, lba: 6, length: 0, flags: 0x08 }), Buffer.alloc(BLOCK))).says,
    'good',
  );
  assert.deepEqual(Buffer.concat(device.read(0, 8 * BLOCK)), blocks('assse\0\0\0'));
});

test('ORWRITE(32) sets bits in generation 0, which is the only one', async () => {
  const device = new MemoryDevice(Buffer.alloc(BLOCK, 0x0f));
  await using served = await serveTarget({ device });
  const asker = await Asker.login(served);
  assert.equal((await asker.give(cdb32({ action: ORWRITE }), Buffer.alloc(BLOCK, 0x30))).says, 'good');
  assert.deepEqual(Buffer.concat(device.read(0, BLOCK)), Buffer.alloc(BLOCK, 0x3f));
  const mask = Buffer.alloc(BLOCK, 0xc0);
  assert.equal((await asker.give(cdb32({ action: ORWRITE, tags: '00000001' }), mask)).says, '05/2c0c');
  assert.equal((await asker.give(cdb32({ action: ORWRITE, bitmapOperation: 1 }), mask)).says, '05/2400');
  assert.deepEqual(Buffer.concat(device.read(0, BLOCK)), Buffer.alloc(BLOCK, 0x3f));
});

describe('what is refused', () => {
  test('protection information, addresses behind the end, and too much at once', async () => {
    await using served = await serveTarget({ device: new MemoryDevice(64 << 20) });
    const asker = await Asker.login(served);
    for (const action of [READ, VERIFY, WRITE, WRITE_AND_VERIFY, WRITE_SAME, ORWRITE]) {
      const { says, sense } = await asker.ask(cdb32({ action, flags: 0x20 }), 0);
      assert.equal(says, '05/2400', `protection in ${action}`);
      assert.deepEqual(sense?.field, { in: 'cdb', byte: 10 });
      assert.equal((await asker.ask(cdb32({ action, lba: 131_072 }), 0)).says, '05/2100', `the end, ${action}`);
    }
    const { sense } = await asker.ask(cdb32({ action: READ, length: 65_537 }), 0);
    assert.deepEqual(sense?.field, { in: 'cdb', byte: 28 });
  });

  test('a CDB that is not as long as it says, and a service action that does not exist', async () => {
    await using served = await serveTarget();
    const asker = await Asker.login(served);
    const { says, sense } = await asker.ask(cdb32({ action: READ, additionalLength: 0x10 }), 512);
    assert.equal(says, '05/2400');
    assert.deepEqual(sense?.field, { in: 'cdb', byte: 7 });
    // Without its additional header, only 16 of the 32 bytes are there.
    assert.equal((await asker.ask('7f 00 00000000 00 18 0009 00 00 00000000', 512)).says, '05/2400');
    assert.equal((await asker.ask('7f', 0)).says, '05/2400');
    assert.equal((await asker.ask(cdb32({ action: 0x0001 }), 0)).says, '05/2000');
  });

  test('write protection and reservations hold for them as for the short forms', async () => {
    await using served = await serveTarget({ device: new MemoryDevice(blocks('a'), { readOnly: true }) });
    const [asker, other] = [await Asker.login(served, 1), await Asker.login(served, 2)];
    for (const action of [WRITE, WRITE_AND_VERIFY, WRITE_SAME, ORWRITE]) {
      assert.equal((await asker.give(cdb32({ action }), blocks('b'))).says, '07/2700', String(action));
    }
    const list = (own: string, next: string): string =>
      `${own.padStart(16, '0')}${next.padStart(16, '0')}`.padEnd(48, '0');
    assert.equal((await asker.give('5f 00 00 0000 00000018 00', list('0', 'a'))).says, 'good');
    assert.equal((await asker.give('5f 01 01 0000 00000018 00', list('a', '0'))).says, 'good', 'write exclusive');
    assert.equal((await other.ask(cdb32({ action: READ }), BLOCK)).says, 'good');
    assert.equal((await other.give(cdb32({ action: WRITE }), blocks('b'))).says, 'conflict');
  });
});
