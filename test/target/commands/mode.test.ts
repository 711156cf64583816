/** MODE SENSE and MODE SELECT at a target. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TaskManagementFunction } from '../../../src/iscsi/pdu.ts';
import { serveTarget } from '../served-target.ts';
import { WriteBackDevice } from '../write-back-device.ts';
import { Asker } from './asker.ts';

const BLOCK = 512;
const DISK = 16 * BLOCK;

const cachingPage = (writeCacheEnable: boolean): string => `0812 ${writeCacheEnable ? '04' : '00'} ${'00'.repeat(17)}`;

/** MODE SELECT(6) with one page; the header is 4 bytes. */
function select(asker: Asker, page: string): Promise<string> {
  const list = `00000000 ${page}`.replaceAll(' ', '');
  const length = (list.length / 2).toString(16).padStart(2, '0');
  return asker.give(`15 10 00 00 ${length} 00`, list).then(({ says }) => says);
}

async function writeCache(asker: Asker): Promise<boolean> {
  const { data } = await asker.ask('1a 08 08 00 ff 00');
  return (data.readUInt8(6) & 0x04) !== 0;
}

const written = (letter: string): Buffer => Buffer.alloc(BLOCK, letter);

async function write(asker: Asker, lba: number, letter: string): Promise<void> {
  const cdb = `2a 00 ${lba.toString(16).padStart(8, '0')} 00 0001 00`;
  assert.equal((await asker.give(cdb, written(letter))).says, 'good');
}

describe('WCE of the caching page', () => {
  test('is on for a device with a write cache: what is acknowledged can be lost until SYNCHRONIZE CACHE', async () => {
    const device = new WriteBackDevice(DISK);
    await using served = await serveTarget({ device });
    const asker = await Asker.login(served);
    assert.equal(await writeCache(asker), true);
    await write(asker, 1, 'a');
    assert.deepEqual(device.durable, Buffer.alloc(DISK));
    assert.equal((await asker.ask('35 00 00000000 00 0000 00', 0)).says, 'good');
    assert.deepEqual(device.durable.subarray(BLOCK, 2 * BLOCK), written('a'));
  });

  test('is off without one, and cannot be set', async () => {
    await using served = await serveTarget();
    const asker = await Asker.login(served);
    assert.equal(await writeCache(asker), false);
    assert.equal(await select(asker, cachingPage(true)), '05/2600');
    assert.equal(await select(asker, cachingPage(false)), 'good');
  });

  test('switched off, everything is durable when it is acknowledged, what came before too', async () => {
    const device = new WriteBackDevice(DISK);
    await using served = await serveTarget({ device });
    const asker = await Asker.login(served);
    await write(asker, 1, 'a');
    assert.equal(await select(asker, cachingPage(false)), 'good');
    assert.equal(await writeCache(asker), false);
    assert.deepEqual(device.durable.subarray(BLOCK, 2 * BLOCK), written('a'));
    const changes: readonly (readonly [string, string, Buffer | string])[] = [
      ['WRITE(10)', '2a 00 00000002 00 0001 00', written('b')],
      ['WRITE AND VERIFY(10)', '2e 00 00000003 00 0001 00', written('c')],
      ['WRITE SAME(10)', '41 00 00000004 00 0002 00', written('d')],
      ['WRITE SAME(10) of zeros', '41 00 00000001 00 0001 00', Buffer.alloc(BLOCK)],
      [
        'COMPARE AND WRITE',
        '89 00 0000000000000006 000000 01 00 00',
        Buffer.concat([Buffer.alloc(BLOCK), written('e')]),
      ],
      ['ORWRITE', '8b 00 0000000000000007 00000001 00 00', written('f')],
      ['WRITE ATOMIC', '9c 00 0000000000000008 0000 0001 00 00', written('g')],
      ['UNMAP', '42 00 00000000 00 0018 00', `0016 0010 00000000 ${'2'.padStart(16, '0')} 00000001 00000000`],
    ];
    for (const [what, cdb, data] of changes) {
      const before = device.durable;
      assert.equal((await asker.give(cdb, data)).says, 'good', what);
      assert.notDeepEqual(device.durable, before, what);
      assert.deepEqual(device.durable, Buffer.concat(device.read(0, DISK)), what);
    }
  });

  test('switched on again, the cache is used again; other initiators are told each time', async () => {
    const device = new WriteBackDevice(DISK);
    await using served = await serveTarget({ device });
    const [asker, other] = [await Asker.login(served, 1), await Asker.login(served, 2)];
    const attention = async (): Promise<string> => (await other.ask('00 00 00 00 00 00', 0)).says;
    await attention();
    assert.equal(await select(asker, cachingPage(false)), 'good');
    assert.equal(await attention(), '06/2a01');
    assert.equal(await select(asker, cachingPage(false)), 'good');
    assert.equal(await attention(), 'good', 'nothing has changed');
    assert.equal(await select(asker, cachingPage(true)), 'good');
    assert.equal(await attention(), '06/2a01');
    await write(asker, 1, 'a');
    assert.deepEqual(device.durable, Buffer.alloc(DISK));
  });

  test('a reset makes it what it was', async () => {
    await using served = await serveTarget({ device: new WriteBackDevice(DISK) });
    const asker = await Asker.login(served);
    assert.equal(await select(asker, cachingPage(false)), 'good');
    assert.equal(await asker.manage(TaskManagementFunction.logicalUnitReset), 0);
    assert.equal((await asker.ask('00 00 00 00 00 00', 0)).says, '06/2903');
    assert.equal(await writeCache(asker), true);
  });
});

describe('MODE SENSE', () => {
  test('by ten bytes and by six: the same pages behind other headers', async () => {
    await using served = await serveTarget();
    const asker = await Asker.login(served);
    const six = (await asker.ask('1a 00 3f ff ff 00')).data;
    const ten = (await asker.ask('5a 00 3f ff 000000 03e8 00', 1000)).data;
    assert.equal(six.readUInt8(0), six.length - 1);
    assert.equal(ten.readUInt16BE(0), ten.length - 2);
    assert.deepEqual([six.readUInt8(3), ten.readUInt16BE(6)], [8, 8], 'block descriptors');
    assert.deepEqual(six.subarray(4), ten.subarray(8));
    const pages: string[] = [];
    for (let at = 12; at < six.length; ) {
      const isSubpage = (six.readUInt8(at) & 0x40) !== 0;
      pages.push(six.toString('hex', at, at + (isSubpage ? 2 : 1)));
      at += isSubpage ? 4 + six.readUInt16BE(at + 2) : 2 + six.readUInt8(at + 1);
    }
    assert.deepEqual(pages, ['01', '07', '08', '0a', '4a01', '1c']);
  });

  test('pages that do not exist, and saved values', async () => {
    await using served = await serveTarget();
    const asker = await Asker.login(served);
    assert.equal((await asker.ask('1a 00 02 00 ff 00')).says, '05/2400');
    assert.equal((await asker.ask('1a 00 0a 02 ff 00')).says, '05/2400');
    assert.equal((await asker.ask('1a 00 3f 01 ff 00')).says, '05/2400');
    assert.equal((await asker.ask('1a 00 c8 00 ff 00')).says, '05/3900');
  });
});
