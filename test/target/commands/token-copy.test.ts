/** Token copies as Windows does them: POPULATE TOKEN, RECEIVE ROD TOKEN INFORMATION, WRITE USING TOKEN. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Device } from '../../../src/block/device.ts';
import { FaultDevice } from '../../../src/block/fault-device.ts';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import { TaskManagementFunction } from '../../../src/iscsi/pdu.ts';
import { TOKEN_LIMIT } from '../../../src/target/third-party-copy/rod-tokens.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';
import {
  type PopulateOptions,
  populateList,
  type TokenRange,
  type WriteOptions,
  writeList,
  zeroToken,
} from '../../support/token-lists.ts';
import { HeldDevice } from '../held-device.ts';
import { type ServedTarget, serveTarget } from '../served-target.ts';
import { type Answer, Asker, settled } from './asker.ts';

const BLOCK = 512;
const blocks = (letters: string): Buffer => Buffer.concat(Array.from(letters, (letter) => Buffer.alloc(BLOCK, letter)));
/** One letter for each block that is the same letter all over. */
const lettersOf = (data: Uint8Array): string =>
  Array.from({ length: data.length / BLOCK }, (_, index) => {
    const block = Buffer.from(data.subarray(index * BLOCK, (index + 1) * BLOCK));
    return block.every((byte) => byte === block[0]) ? block.toString('latin1', 0, 1).replace('\0', '.') : '?';
  }).join('');
const contentOf = (device: MemoryDevice): string => lettersOf(Buffer.concat(device.read(0, device.size)));
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

const populate = (
  asker: Asker,
  id: number,
  ranges: readonly TokenRange[],
  options?: PopulateOptions,
  lun = 0,
): Promise<Answer> => {
  const list = populateList(ranges, options);
  return asker.give(`83 10 00000000 ${hex(id, 8)} ${hex(list.length, 8)} 00 00`, list, lun);
};
const writeCdb = (id: number, length: number): string => `83 11 00000000 ${hex(id, 8)} ${hex(length, 8)} 00 00`;
const writeUsing = (
  asker: Asker,
  id: number,
  token: Uint8Array,
  ranges: readonly TokenRange[],
  options?: WriteOptions,
  lun = 0,
): Promise<Answer> => {
  const list = writeList(token, ranges, options);
  return asker.give(writeCdb(id, list.length), list, lun);
};
const receive = (asker: Asker, id: number, lun = 0, length = 1024): Promise<Answer> =>
  asker.ask(`84 07 ${hex(id, 8)} 00000000 ${hex(length, 8)} 00 00`, length, lun);
const abort = (asker: Asker, id: number): Promise<Answer> =>
  asker.ask(`83 1c ${hex(id, 8)} 00000000 00000000 00 00`, 0);

/** What RECEIVE ROD TOKEN INFORMATION says, as Windows reads it. */
function information({ data }: Answer) {
  const senseLength = data.readUInt8(13);
  const sense = data.subarray(32, 32 + senseLength);
  const descriptors = data.readUInt32BE(32 + senseLength);
  assert.equal(data.readUInt32BE(0), data.length - 4);
  assert.equal(data.length, 36 + senseLength + descriptors);
  return {
    action: data.readUInt8(4),
    status: data.readUInt8(5),
    completionStatus: data.readUInt8(12),
    units: data.readUInt8(15),
    transferred: data.readBigUInt64BE(16),
    sense: senseLength === 0 ? '' : `${hex(sense.readUInt8(2), 2)}/${hex(sense.readUInt16BE(12), 4)}`,
    token: descriptors === 0 ? undefined : data.subarray(38 + senseLength),
  };
}

async function tokenOf(
  asker: Asker,
  ranges: readonly TokenRange[],
  options?: PopulateOptions,
  lun = 0,
): Promise<Buffer> {
  assert.equal((await populate(asker, 1, ranges, options, lun)).says, 'good');
  const { token } = information(await receive(asker, 1, lun));
  assert.ok(token !== undefined && token.length === 512);
  return Buffer.from(token);
}

async function twoUnits(): Promise<{ served: ServedTarget; source: MemoryDevice; destination: MemoryDevice }> {
  const source = new MemoryDevice(blocks('abcdefgh'));
  const destination = new MemoryDevice(8 * BLOCK);
  return {
    served: await serveTarget({
      units: new Map([
        [0, source],
        [1, destination],
      ]),
    }),
    source,
    destination,
  };
}

test('blocks go from one unit to another, in the order of their ranges', async () => {
  const { served, destination } = await twoUnits();
  await using _ = served;
  const asker = await Asker.login(served);
  assert.equal(
    (
      await populate(asker, 0x1234_5678, [
        [6, 2],
        [1, 3],
      ])
    ).says,
    'good',
  );
  const populated = information(await receive(asker, 0x1234_5678));
  assert.ok(populated.token);
  assert.deepEqual(
    { ...populated, token: '' },
    { action: 0x10, status: 1, completionStatus: 0, units: 0xf1, transferred: 5n, sense: '', token: '' },
  );
  assert.equal(
    (
      await writeUsing(
        asker,
        2,
        populated.token,
        [
          [0, 1],
          [4, 4],
        ],
        {},
        1,
      )
    ).says,
    'good',
  );
  assert.equal(contentOf(destination), 'g...hbcd');
  const written = information(await receive(asker, 2, 1));
  assert.deepEqual(written, {
    action: 0x11,
    status: 1,
    completionStatus: 0,
    units: 0xf1,
    transferred: 5n,
    sense: '',
    token: undefined,
  });
});

test('a part of a token can be written, from an offset in blocks of the destination', async () => {
  const { served, destination } = await twoUnits();
  await using _ = served;
  const asker = await Asker.login(served);
  const token = await tokenOf(asker, [
    [0, 4],
    [6, 2],
  ]);
  assert.equal((await writeUsing(asker, 2, token, [[2, 3]], { offset: 3 }, 1)).says, 'good');
  assert.equal(contentOf(destination), '..dgh...');
});

test('blocks of different sizes: bytes are bytes', async () => {
  const source = new MemoryDevice(blocks('abcdefghijklmnop'));
  const destination = new MemoryDevice(2 * 4096, { blockSize: 4096 });
  await using served = await serveTarget({
    units: new Map([
      [0, source],
      [1, destination],
    ]),
  });
  const asker = await Asker.login(served);
  const token = await tokenOf(asker, [
    [8, 8],
    [0, 8],
  ]);
  assert.equal((await writeUsing(asker, 2, token, [[1, 1]], { offset: 1 }, 1)).says, 'good');
  assert.equal(contentOf(destination), `${'.'.repeat(8)}abcdefgh`);
  assert.equal(information(await receive(asker, 2, 1)).transferred, 1n, 'counted in blocks of the unit that is asked');
});

test('the token of zeros writes zeros, and nobody has to make it', async () => {
  const { served, source } = await twoUnits();
  await using _ = served;
  const asker = await Asker.login(served);
  assert.equal(
    (
      await writeUsing(asker, 2, zeroToken(), [
        [1, 2],
        [6, 1],
      ])
    ).says,
    'good',
  );
  assert.equal(contentOf(source), 'a..def.h');
  assert.equal(information(await receive(asker, 2)).transferred, 3n);
});

test('another initiator may use the token, also when the one that had it made is gone', async () => {
  const { served, destination } = await twoUnits();
  await using _ = served;
  const [maker, user] = [await Asker.login(served, 1), await Asker.login(served, 2)];
  const token = await tokenOf(maker, [[0, 8]]);
  maker.raw.logout();
  await maker.raw.closed;
  assert.equal((await writeUsing(user, 1, token, [[0, 8]], {}, 1)).says, 'good');
  assert.equal(contentOf(destination), 'abcdefgh');
});

describe('a token stands for its data at one moment', () => {
  test('a change of its data revokes it; changes beside it do not', async () => {
    const { served } = await twoUnits();
    await using _ = served;
    const asker = await Asker.login(served);
    const token = await tokenOf(asker, [
      [2, 2],
      [6, 1],
    ]);
    const say = async (): Promise<string> => (await writeUsing(asker, 2, token, [[0, 3]], {}, 1)).says;
    assert.equal((await asker.give('2a 00 00000000 00 0002 00', blocks('xy'))).says, 'good');
    assert.equal((await asker.give('2a 00 00000004 00 0002 00', blocks('xy'))).says, 'good');
    assert.equal(await say(), 'good');
    assert.equal((await asker.give('2a 00 00000006 00 0001 00', blocks('z'))).says, 'good');
    assert.equal(await say(), '05/2306');
  });

  const list = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
  const changes: readonly (readonly [string, string, Buffer])[] = [
    ['WRITE(32)', '7f 00 00000000 00 18 000b 00 00 0000000000000003 0000000000000000 00000001', blocks('z')],
    ['WRITE SAME', '93 00 0000000000000003 00000001 00 00', blocks('z')],
    ['WRITE SAME with UNMAP', '93 08 0000000000000000 00000000 00 00', blocks('\0')],
    ['UNMAP', '42 00 00000000 00 0018 00', list('0016 0010 00000000 0000000000000003 00000001 00000000')],
    ['COMPARE AND WRITE', '89 00 0000000000000003 000000 01 00 00', blocks('dz')],
    ['ORWRITE', '8b 00 0000000000000003 00000001 00 00', blocks('z')],
    ['WRITE AND VERIFY', '2e 00 00000003 00 0001 00', blocks('z')],
    ['FORMAT UNIT', '04 00 00 00 00 00', Buffer.alloc(0)],
    ['SANITIZE BLOCK ERASE', '48 02 00000000000000 0000', Buffer.alloc(0)],
    ['WRITE USING TOKEN', writeCdb(3, 552), writeList(zeroToken(), [[3, 1]])],
  ];
  for (const [what, cdb, data] of changes) {
    test(`${what} is such a change`, async () => {
      const { served } = await twoUnits();
      await using _ = served;
      const asker = await Asker.login(served);
      const token = await tokenOf(asker, [[3, 1]]);
      assert.equal((await asker.give(cdb, data)).says, 'good');
      assert.equal((await writeUsing(asker, 2, token, [[0, 1]], {}, 1)).says, '05/2306');
    });
  }

  test('a write that fails at once changes nothing', async () => {
    const { served } = await twoUnits();
    await using _ = served;
    const asker = await Asker.login(served);
    const token = await tokenOf(asker, [[3, 1]]);
    assert.equal((await asker.give('89 00 0000000000000003 000000 01 00 00', blocks('yz'))).says, '0e/1d00');
    assert.equal((await writeUsing(asker, 2, token, [[0, 1]], {}, 1)).says, 'good');
  });

  test('a write that came before is in it, one that comes after revokes it', async () => {
    const device = new HeldDevice(8 * BLOCK);
    const destination = new MemoryDevice(8 * BLOCK);
    await using served = await serveTarget({
      units: new Map<number, Device>([
        [0, device],
        [1, destination],
      ]),
    });
    const asker = await Asker.login(served);
    const before = asker.send('2a 00 00000002 00 0001 00', blocks('1'));
    await device.holding(1);
    const list = populateList([[0, 8]]);
    const populating = asker.send(`83 10 00000000 00000001 ${hex(list.length, 8)} 00 00`, list);
    const after = asker.send('2a 00 00000003 00 0001 00', blocks('2'));
    await settled();
    assert.equal(device.held.length, 1, 'the later write waits for the token');
    device.releaseAll();
    assert.equal((await asker.answerTo(before)).says, 'good');
    assert.equal((await asker.answerTo(populating)).says, 'good');
    await device.holding(1);
    device.releaseAll();
    assert.equal((await asker.answerTo(after)).says, 'good');
    const { token } = information(await receive(asker, 1));
    assert.ok(token);
    assert.equal((await writeUsing(asker, 2, token, [[0, 8]], {}, 1)).says, '05/2306');
  });

  test('a change while it is copied ends the copy, and nothing changed is copied', async () => {
    const device = new HeldDevice(8 * BLOCK);
    const destination = new MemoryDevice(8 * BLOCK);
    await using served = await serveTarget({
      units: new Map<number, Device>([
        [0, device],
        [1, destination],
      ]),
    });
    const [asker, other] = [await Asker.login(served, 1), await Asker.login(served, 2)];
    const token = await tokenOf(asker, [
      [0, 2],
      [4, 2],
    ]);
    const copying = asker.send(writeCdb(2, 552), writeList(token, [[0, 4]]), 1);
    await device.holding(1);
    device.releaseAll();
    await device.holding(1);
    const write = other.send('2a 00 00000005 00 0001 00', blocks('!'));
    await device.holding(2);
    device.releaseAll();
    assert.equal((await other.answerTo(write)).says, 'good');
    assert.equal((await asker.answerTo(copying)).says, '05/2306');
    assert.equal(contentOf(destination), '........');
    const { status, transferred, sense, completionStatus } = information(await receive(asker, 2, 1));
    assert.deepEqual(
      { status, transferred, sense, completionStatus },
      { status: 2, transferred: 2n, sense: '05/2306', completionStatus: 2 },
    );
  });

  test('an ejected medium takes its tokens with it', async () => {
    const units = new Map([
      [0, new MemoryDevice(blocks('abcd'))],
      [1, new MemoryDevice(4 * BLOCK)],
    ]);
    await using served = await serveTarget({ units, features: new Map([[0, { removable: true }]]) });
    const asker = await Asker.login(served);
    const token = await tokenOf(asker, [[0, 4]]);
    assert.equal((await asker.ask('1b 00 00 00 02 00', 0)).says, 'good');
    assert.equal((await writeUsing(asker, 2, token, [[0, 4]], {}, 1)).says, '05/2306');
  });
});

describe('a token that is not valid', () => {
  test('expires when it is not used for its time, and use keeps it', async () => {
    const { served } = await twoUnits();
    await using _ = served;
    const asker = await Asker.login(served);
    const token = await tokenOf(asker, [[0, 1]], { inactivityTimeout: 30 });
    const byDefault = await tokenOf(asker, [[0, 1]]);
    const say = async (which: Buffer): Promise<string> => (await writeUsing(asker, 2, which, [[0, 1]], {}, 1)).says;
    for (let times = 0; times < 3; times++) {
      served.clock.advance(29_000);
      assert.equal(await say(token), 'good');
    }
    assert.equal(await say(byDefault), '05/2307', '60 seconds by default');
    served.clock.advance(31_000);
    assert.equal(await say(token), '05/2307');
  });

  test('is deleted by DEL_TKN after its last use', async () => {
    const { served, destination } = await twoUnits();
    await using _ = served;
    const asker = await Asker.login(served);
    const token = await tokenOf(asker, [[0, 1]]);
    assert.equal((await writeUsing(asker, 2, token, [[0, 1]], { flags: 2 }, 1)).says, 'good');
    assert.equal(contentOf(destination), 'a.......');
    assert.equal((await writeUsing(asker, 2, token, [[0, 1]], {}, 1)).says, '05/2309');
  });

  test('is unknown, spoilt, of another type or of another length', async () => {
    const { served } = await twoUnits();
    await using _ = served;
    const asker = await Asker.login(served);
    const token = await tokenOf(asker, [[0, 1]]);
    const spoilt = (at: number): Buffer => {
      const copy = Buffer.from(token);
      copy.writeUInt8(copy.readUInt8(at) ^ 1, at);
      return copy;
    };
    const say = async (which: Buffer): Promise<string> => (await writeUsing(asker, 2, which, [[0, 1]], {}, 1)).says;
    assert.equal(await say(spoilt(8)), '05/2304');
    for (const at of [16, 63, 100, 130, 256, 511]) assert.equal(await say(spoilt(at)), '05/2305', String(at));
    assert.equal(await say(spoilt(0)), '05/2301');
    assert.equal(await say(spoilt(7)), '05/230a');
    assert.equal(await say(token), 'good');
  });

  test('is that of another target, which knows nothing of it', async () => {
    const [first, second] = [await twoUnits(), await twoUnits()];
    await using _ = first.served;
    await using __ = second.served;
    const token = await tokenOf(await Asker.login(first.served), [[0, 1]]);
    assert.equal((await writeUsing(await Asker.login(second.served), 2, token, [[0, 1]])).says, '05/2304');
  });

  test('is the least recently used one when there are too many', async () => {
    const { served } = await twoUnits();
    await using _ = served;
    const asker = await Asker.login(served);
    const [first, second] = [await tokenOf(asker, [[0, 1]]), await tokenOf(asker, [[1, 1]])];
    const say = async (which: Buffer): Promise<string> => (await writeUsing(asker, 2, which, [[0, 1]], {}, 1)).says;
    assert.equal(await say(first), 'good', 'used after the second was made');
    for (let count = 2; count <= TOKEN_LIMIT; count++) await populate(asker, 3, [[2, 1]]);
    assert.equal(await say(first), 'good');
    assert.equal(await say(second), '05/2304');
  });

  test('is never the same twice, and cannot be told from others that were seen', async () => {
    const { served } = await twoUnits();
    await using _ = served;
    const asker = await Asker.login(served);
    const tokens = [];
    for (let count = 0; count < 8; count++) tokens.push(await tokenOf(asker, [[0, 1]]));
    assert.equal(new Set(tokens.map((token) => token.toString('hex', 8, 16))).size, 8, 'identifiers');
    assert.equal(new Set(tokens.map((token) => token.toString('hex', 256))).size, 8, 'secrets');
  });
});

describe('what is refused', () => {
  test('more than the token has, offsets behind its end, addresses behind the unit’s, and too much at once', async () => {
    const other = new MemoryDevice(64 * BLOCK);
    const units = new Map([
      [0, new MemoryDevice(Buffer.alloc(64 * BLOCK, 'a'))],
      [1, other],
    ]);
    await using served = await serveTarget({ units });
    const asker = await Asker.login(served);
    const token = await tokenOf(asker, [[0, 4]]);
    assert.equal((await writeUsing(asker, 2, token, [[0, 5]], {}, 1)).says, '05/0d04', 'as Windows has it');
    assert.equal((await writeUsing(asker, 2, token, [[0, 2]], { offset: 3 }, 1)).says, '05/0d04');
    assert.equal((await writeUsing(asker, 2, token, [[0, 1]], { offset: 4 }, 1)).says, '05/2600');
    assert.equal((await writeUsing(asker, 2, token, [[0, 1]], { offset: 0xffff_ffff_ffff_ffffn }, 1)).says, '05/2600');
    assert.equal((await writeUsing(asker, 2, token, [[63, 2]], {}, 1)).says, '05/2100');
    assert.equal((await populate(asker, 2, [[64, 1]])).says, '05/2100');
    assert.equal((await populate(asker, 2, [[0xffff_ffff_ffff_ffffn, 1]])).says, '05/2100');
    assert.equal(
      (
        await populate(asker, 2, [
          [0, 2],
          [1, 1],
        ])
      ).says,
      '05/2600',
    );
    assert.equal((await receive(asker, 2)).says, '05/2400', 'nothing of all that is a copy');
    assert.equal(contentOf(other), '.'.repeat(64), 'nothing of it was written');
  });

  test('more than one token may stand for', async () => {
    // As large as it says, and never read.
    const large = Object.create(new MemoryDevice(BLOCK), { size: { value: 4 * 2 ** 30 } });
    await using served = await serveTarget({ device: large });
    const asker = await Asker.login(served);
    assert.equal((await populate(asker, 2, [[0, 2_097_152]])).says, 'good');
    assert.equal(
      (
        await populate(asker, 2, [
          [0, 2_097_152],
          [4_000_000, 1],
        ])
      ).says,
      '05/2600',
    );
  });

  test('nothing asked for is no error', async () => {
    const { served } = await twoUnits();
    await using _ = served;
    const asker = await Asker.login(served);
    assert.equal((await asker.ask('83 10 00000000 00000001 00000000 00 00', 0)).says, 'good');
    assert.equal((await asker.ask('83 11 00000000 00000001 00000000 00 00', 0)).says, 'good');
    assert.equal((await receive(asker, 1)).says, '05/2400');
    const token = await tokenOf(asker, [
      [0, 1],
      [3, 0],
    ]);
    assert.equal((await writeUsing(asker, 2, token, [[5, 0]])).says, 'good');
  });

  test('write protection, reservations and SANITIZE keep copies out as they keep the nexus out', async () => {
    const readOnly = new MemoryDevice(blocks('abcd'), { readOnly: true });
    await using served = await serveTarget({
      units: new Map([
        [0, readOnly],
        [1, new MemoryDevice(4 * BLOCK)],
      ]),
    });
    const [asker, other] = [await Asker.login(served, 1), await Asker.login(served, 2)];
    const token = await tokenOf(asker, [[0, 4]]);
    assert.equal((await writeUsing(asker, 2, token, [[0, 4]])).says, '07/2700');
    const reserve = (type: string): Promise<Answer> =>
      asker.give(`5f 01 ${type} 0000 00000018 00`, `${'a'.padStart(16, '0')}`.padEnd(48, '0'), 1);
    await asker.give('5f 00 00 0000 00000018 00', `${''.padStart(16, '0')}${'a'.padStart(16, '0')}`.padEnd(48, '0'), 1);
    assert.equal((await reserve('01')).says, 'good', 'write exclusive');
    assert.equal((await writeUsing(other, 2, token, [[0, 4]], {}, 1)).says, 'conflict');
    assert.equal((await populate(other, 3, [[0, 1]], {}, 1)).says, 'good');
    assert.equal((await writeUsing(asker, 2, token, [[0, 4]], {}, 1)).says, 'good');
  });

  test('a device that is full fails the copy, which tells how far it came', async () => {
    const disk = new MemoryDevice(8 * BLOCK);
    const full = new FaultDevice(disk, new SimulatedClock());
    full.inject({ operations: ['write'], range: { offset: 4 * BLOCK, length: BLOCK }, error: 'DEVICE_NO_SPACE' });
    await using served = await serveTarget({
      units: new Map<number, Device>([
        [0, new MemoryDevice(blocks('abcdefgh'))],
        [1, full],
      ]),
    });
    const asker = await Asker.login(served);
    const token = await tokenOf(asker, [[0, 8]]);
    assert.equal(
      (
        await writeUsing(
          asker,
          2,
          token,
          [
            [0, 3],
            [4, 2],
          ],
          {},
          1,
        )
      ).says,
      '0a/2707',
    );
    const { status, transferred, sense } = information(await receive(asker, 2, 1));
    assert.deepEqual({ status, transferred, sense }, { status: 2, transferred: 3n, sense: '0a/2707' });
    assert.equal((await asker.give('2a 00 00000000 00 0001 00', blocks('x'), 1)).says, 'good', 'the unit goes on');
  });
});

describe('list identifiers', () => {
  test('belong to a nexus and a unit, and the newest copy has the name', async () => {
    const { served } = await twoUnits();
    await using _ = served;
    const [asker, other] = [await Asker.login(served, 1), await Asker.login(served, 2)];
    await populate(asker, 7, [[0, 3]]);
    assert.equal((await receive(other, 7)).says, '05/2400');
    assert.equal((await receive(asker, 7, 1)).says, '05/2400');
    await populate(asker, 7, [[0, 2]]);
    assert.equal(information(await receive(asker, 7)).transferred, 2n);
    assert.equal(information(await receive(asker, 7)).transferred, 2n, 'it is kept for who asks again');
    assert.equal((await receive(asker, 7, 0, 0)).says, 'good', 'and done with when no data is taken');
    assert.equal((await receive(asker, 7)).says, '05/2400');
  });

  test('RECEIVE COPY STATUS(LID4) tells the same without the token, of EXTENDED COPY too', async () => {
    const { served } = await twoUnits();
    await using _ = served;
    const asker = await Asker.login(served);
    await populate(asker, 9, [[0, 3]]);
    const status = (id: number): Promise<Answer> => asker.ask(`84 05 ${hex(id, 8)} 00000000 00000400 00 00`, 1024);
    const { data } = await status(9);
    assert.equal(data.length, 32);
    assert.deepEqual([data.readUInt8(4), data.readUInt8(5), data.readUInt8(15)], [0x10, 1, 0xf1]);
    // Two segments of the unit itself, by list identifier 5: one block each.
    const segment = '02 00 0018 ffff ffff 0000 0001 0000000000000000 000000000000000';
    const list = `05 00 0000 00000000 00000038 00000000 ${segment}4 ${segment}5`;
    assert.equal((await asker.give('83 00 0000000000000000 00000048 00 00', list)).says, 'good');
    const copy = (await status(5)).data;
    assert.deepEqual([copy.readUInt8(4), copy.readUInt8(5), copy.readUInt8(15)], [0x00, 1, 0x00]);
    assert.deepEqual([copy.readBigUInt64BE(16), copy.readUInt16BE(24)], [BigInt(2 * BLOCK), 2]);
    assert.equal((await status(6)).says, '05/2400');
  });
});

describe('a copy in the background (IMMED)', () => {
  async function started(): Promise<{
    served: ServedTarget;
    asker: Asker;
    source: HeldDevice;
    destination: MemoryDevice;
  }> {
    const source = new HeldDevice(4 * BLOCK);
    const destination = new MemoryDevice(blocks('zzzz'));
    const served = await serveTarget({
      units: new Map<number, Device>([
        [0, source],
        [1, destination],
      ]),
    });
    const asker = await Asker.login(served);
    const token = await tokenOf(asker, [
      [0, 2],
      [3, 1],
    ]);
    assert.equal((await writeUsing(asker, 2, token, [[0, 3]], { flags: 1 }, 1)).says, 'good');
    await source.holding(1);
    return { served, asker, source, destination };
  }
  const receiveLater = (asker: Asker) => receive(asker, 2, 1);
  const abortCopy = (asker: Asker): Promise<Answer> => asker.ask('83 1c 00000002 00000000 00000000 00 00', 0, 1);

  test('is answered at once, and told of until it is done', async () => {
    const { served, asker, source, destination } = await started();
    await using _ = served;
    const early = information(await receiveLater(asker));
    assert.deepEqual([early.status, early.transferred], [0x12, 0n]);
    source.releaseAll();
    await source.holding(1);
    const half = information(await receiveLater(asker));
    assert.deepEqual([half.status, half.transferred], [0x12, 2n]);
    source.releaseAll();
    await settled();
    const late = information(await receiveLater(asker));
    assert.deepEqual([late.status, late.transferred], [0x01, 3n]);
    assert.equal(contentOf(destination), '...z');
  });

  test('its list identifier is taken meanwhile', async () => {
    const { served, asker, source } = await started();
    await using _ = served;
    assert.equal((await populate(asker, 2, [[0, 1]], {}, 1)).says, '05/0016');
    source.releaseAll();
  });

  test('COPY OPERATION ABORT ends it between two pieces', async () => {
    const { served, asker, source, destination } = await started();
    await using _ = served;
    const aborting = abortCopy(asker);
    await settled();
    source.releaseAll();
    assert.equal((await aborting).says, 'good');
    const { status, transferred } = information(await receiveLater(asker));
    assert.deepEqual([status, transferred], [0x60, 2n]);
    assert.equal(contentOf(destination), '..zz');
    assert.equal((await abortCopy(asker)).says, 'good', 'what is over stays as it ended');
    assert.equal(information(await receiveLater(asker)).status, 0x60);
    assert.equal((await abort(asker, 99)).says, '05/2400');
  });

  const ends: readonly (readonly [string, (asker: Asker, served: ServedTarget) => Promise<unknown>])[] = [
    [
      'the end of its nexus',
      async ({ raw }) => {
        raw.logout();
        await raw.closed;
      },
    ],
    ['LOGICAL UNIT RESET', (asker) => asker.manage(TaskManagementFunction.targetWarmReset)],
    [
      'PREEMPT AND ABORT',
      async (loser, served) => {
        const taker = await Asker.login(served, 2);
        const out = (asker: Asker, action: string, type: string, own: string, other: string): Promise<Answer> =>
          asker.give(
            `5f ${action} ${type} 0000 00000018 00`,
            `${own.padStart(16, '0')}${other.padStart(16, '0')}`.padEnd(48, '0'),
            1,
          );
        await out(taker, '00', '00', '0', 'a');
        await out(loser, '00', '00', '0', 'b');
        await out(loser, '01', '01', 'b', '0');
        assert.equal((await out(taker, '05', '01', 'a', 'b')).says, 'good');
      },
    ],
  ];
  for (const [what, end] of ends) {
    test(`${what} ends it`, async () => {
      const { served, asker, source, destination } = await started();
      await using _ = served;
      const ended = end(asker, served);
      await settled();
      source.releaseAll();
      await ended;
      await settled();
      assert.equal(source.held.length, 0, 'nothing more is read');
      assert.equal(contentOf(destination), '..zz');
    });
  }

  const replacements: readonly (readonly [string, string, string?])[] = [
    ['SANITIZE', '48 02 0000000000 0000 00'],
    ['SANITIZE of the source', '48 02 0000000000 0000 00', 'source'],
    ['FORMAT UNIT', '04 00 00 0000 00'],
  ];
  for (const [what, cdb, where] of replacements) {
    test(`${what} ends it, and nothing of it comes afterwards`, async () => {
      const { served, asker, source, destination } = await started();
      await using _ = served;
      assert.equal((await asker.give(cdb, '', where === undefined ? 1 : 0)).says, 'good');
      source.releaseAll();
      await settled();
      assert.equal(source.held.length, 0, 'nothing more is read');
      assert.equal(contentOf(destination), where === undefined ? '....' : 'zzzz');
      assert.equal(information(await receiveLater(asker)).status, 0x02, 'failed');
    });
  }

  test('a session that reinstates its own waits for the piece under way', async () => {
    const { served, source, destination } = await started();
    await using _ = served;
    const again = await Asker.login(served);
    let isAnswered = false;
    const answered = again.ask('00 00 00 00 00 00', 0, 1).then(() => {
      isAnswered = true;
    });
    await settled();
    assert.equal(isAnswered, false);
    source.releaseAll();
    await answered;
    assert.equal(contentOf(destination), '..zz');
  });

  test('the target closes when it has ended', async () => {
    const { served, source, destination } = await started();
    await using _ = served;
    let closed = false;
    const closing = served.target.close().then(() => {
      closed = true;
    });
    await settled();
    assert.equal(closed, false);
    source.releaseAll();
    await closing;
    assert.equal(contentOf(destination), '..zz');
  });
});

test('a copy in the foreground is told as such, and ABORT TASK ends it', async () => {
  const source = new HeldDevice(4 * BLOCK);
  const destination = new MemoryDevice(blocks('zzzz'));
  await using served = await serveTarget({
    units: new Map<number, Device>([
      [0, source],
      [1, destination],
    ]),
  });
  const asker = await Asker.login(served);
  const token = await tokenOf(asker, [
    [0, 1],
    [3, 1],
  ]);
  const tag = asker.send(writeCdb(2, 552), writeList(token, [[0, 2]]), 1);
  await source.holding(1);
  assert.equal(information(await receive(asker, 2, 1)).status, 0x11);
  const aborting = asker.manage(TaskManagementFunction.abortTask, tag);
  await settled();
  source.releaseAll();
  assert.equal(await aborting, 0);
  assert.equal(information(await receive(asker, 2, 1)).status, 0x60);
  assert.equal(contentOf(destination), '.zzz');
});
