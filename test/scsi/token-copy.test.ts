/** Token copies as data: parameter lists, the token, and what is told of a copy. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  decodePopulateToken,
  decodeWriteUsingToken,
  encodeCopyOperation,
  encodeRodToken,
  encodeRodTokenInformation,
  inspectRodToken,
  naaLocallyAssigned,
  RodType,
  scsiNameString,
} from '../../src/scsi/index.ts';
import { populateList, writeList, zeroToken } from '../support/token-lists.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/#.*$/gm, '').replaceAll(/\s/g, ''), 'hex');
const malformed = (code: number, byte: number): object => ({ malformed: 'field', code, byte });
const INVALID_FIELD = 0x2600;

describe('the parameter list of POPULATE TOKEN', () => {
  test('every field is read where SBC-3 has it', () => {
    const golden = hex(`
      002e 03 00 00000078 00800001 0000 0020    # length, IMMED and RTV, 120 seconds, type, ranges
      0000000100000002 00000003 00000000
      0000000000000004 00000005 00000000`);
    assert.deepEqual(decodePopulateToken(golden), {
      immediate: true,
      rodType: RodType.pointInTimeChangeVulnerable,
      inactivityTimeout: 120,
      ranges: [
        { logicalBlockAddress: 0x1_0000_0002n, numberOfBlocks: 3 },
        { logicalBlockAddress: 4n, numberOfBlocks: 5 },
      ],
    });
  });

  test('without RTV the type is not looked at; "any" is the default one; no timeout is the default one', () => {
    const list = populateList([[0, 1]]);
    list.writeUInt32BE(0x1234_5678, 8);
    const byDefault = { immediate: false, rodType: RodType.pointInTimeDefault, inactivityTimeout: 60 };
    const ranges = [{ logicalBlockAddress: 0n, numberOfBlocks: 1 }];
    assert.deepEqual(decodePopulateToken(list), { ...byDefault, ranges });
    assert.deepEqual(decodePopulateToken(populateList([[0, 1]], { rodType: 0x0080_ffff })), { ...byDefault, ranges });
  });

  const whole = populateList([[0, 1]]);
  const spoilt = (change: (list: Buffer) => void): Buffer => {
    const list = Buffer.from(whole);
    change(list);
    return list;
  };
  const refusals: readonly (readonly [string, Uint8Array, object])[] = [
    ['cut in its header', whole.subarray(0, 15), { malformed: 'length' }],
    ['cut in its range', whole.subarray(0, 31), { malformed: 'length' }],
    ['a length without a range', spoilt((list) => list.writeUInt16BE(0x1d, 0)), malformed(INVALID_FIELD, 0)],
    ['no whole range', spoilt((list) => list.writeUInt16BE(15, 14)), malformed(INVALID_FIELD, 14)],
    ['a longer range list than list', spoilt((list) => list.writeUInt16BE(32, 14)), { malformed: 'length' }],
    ['too long a timeout', populateList([[0, 1]], { inactivityTimeout: 601 }), malformed(INVALID_FIELD, 4)],
    ['access upon reference', populateList([[0, 1]], { rodType: 0x0001_0000 }), malformed(INVALID_FIELD, 8)],
    ['the token of zeros', populateList([[0, 1]], { rodType: 0xffff_0001 }), malformed(INVALID_FIELD, 8)],
    [
      'more ranges than are taken',
      populateList(Array.from({ length: 257 }, (_, index) => [index, 1] as const)),
      malformed(0x2608, 14),
    ],
    [
      'a block twice',
      populateList([
        [8, 4],
        [0, 2],
        [11, 1],
      ]),
      malformed(INVALID_FIELD, 48),
    ],
    [
      'a range within another',
      populateList([
        [3, 1],
        [0, 8],
      ]),
      malformed(INVALID_FIELD, 32),
    ],
  ];
  for (const [what, list, expected] of refusals) {
    test(what, () => assert.deepEqual(decodePopulateToken(list), expected));
  }

  test('empty ranges overlap nothing, and neighbours do not either', () => {
    assert.ok(
      'ranges' in
        decodePopulateToken(
          populateList([
            [0, 4],
            [2, 0],
            [4, 4],
          ]),
        ),
    );
  });
});

describe('the parameter list of WRITE USING TOKEN', () => {
  test('every field is read where SBC-3 has it', () => {
    const token = Buffer.from(Uint8Array.from({ length: 512 }, (_, at) => at & 255));
    const list = writeList(token, [[7, 9]], { flags: 3, offset: 0x1_0000_0001n });
    assert.equal(list.length, 552);
    const decoded = decodeWriteUsingToken(list);
    assert.ok('token' in decoded);
    assert.deepEqual(Buffer.from(decoded.token), token);
    assert.deepEqual(
      { ...decoded, token: undefined },
      {
        immediate: true,
        deleteToken: true,
        offsetIntoRod: 0x1_0000_0001n,
        token: undefined,
        ranges: [{ logicalBlockAddress: 7n, numberOfBlocks: 9 }],
      },
    );
    assert.deepEqual(decodeWriteUsingToken(list.subarray(0, 535)), { malformed: 'length' });
    assert.deepEqual(decodeWriteUsingToken(list.subarray(0, 551)), { malformed: 'length' });
  });
});

test('arbitrary bytes never raise anything', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 700 }), (junk) => {
      decodePopulateToken(junk);
      decodeWriteUsingToken(junk);
    }),
  );
  const valid = writeList(zeroToken(), [
    [0, 4],
    [9, 2],
  ]);
  fc.assert(
    fc.property(fc.nat(valid.length - 1), fc.nat(255), fc.nat(valid.length), (at, value, length) => {
      const list = Buffer.from(valid.subarray(0, length));
      list[at] = value;
      decodeWriteUsingToken(list);
      decodePopulateToken(list);
    }),
  );
});

describe('the token', () => {
  const creator = {
    logicalUnit: naaLocallyAssigned(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)),
    targetDevice: scsiNameString(2, 'iqn.2026-11.internal.test:target'),
    blockSize: 512,
    physicalBlockSize: 4096,
    canUnmap: true,
  };
  const made = {
    rodType: RodType.pointInTimeDefault,
    identifier: hex('0102030405060708'),
    creator,
    length: 0x1_2345_0000,
    secret: Buffer.alloc(256, 0xa5),
  };

  test('has each of its parts where SPC-4 has it', () => {
    assert.deepEqual(
      Buffer.from(encodeRodToken(made)),
      Buffer.concat([
        hex(`
          00800000 0000 01f8 0102030405060708
          e4 00 0000 01 03 00 08 3102030405060708 000000000000000000000000 00 000200
          0000000000000000 0000000123450000
          ${'00'.repeat(32)}
          00000200 00 03 c000 ${'00'.repeat(24)}`),
        // The designator of the target device, in a field of 128 bytes.
        hex('53 a8 00 24'),
        Buffer.from('iqn.2026-11.internal.test:target\0\0\0\0'),
        Buffer.alloc(128 - 40),
        Buffer.alloc(256, 0xa5),
      ]),
    );
  });

  test('leaves out a name of the target device that does not fit', () => {
    const name = `iqn.2026-11.internal.test:${'x'.repeat(150)}`;
    const token = Buffer.from(
      encodeRodToken({ ...made, creator: { ...creator, targetDevice: scsiNameString(2, name) } }),
    );
    assert.deepEqual(token.subarray(128, 256), Buffer.alloc(128));
  });

  test('is told apart from what is none', () => {
    const token = encodeRodToken(made);
    assert.deepEqual(inspectRodToken(token), { rodType: made.rodType, identifier: Uint8Array.from(made.identifier) });
    assert.deepEqual(inspectRodToken(token.with(7, 0xf7)), { code: 0x230a });
    assert.deepEqual(inspectRodToken(token.with(1, 0x01)), { code: 0x2301 });
    assert.ok('identifier' in inspectRodToken(zeroToken()));
  });
});

describe('what is told of a copy', () => {
  const operation = {
    serviceAction: 0x10,
    status: 0x01,
    operations: 0x1_0002,
    completionStatus: 0,
    sense: new Uint8Array(0),
    transferCountUnits: 0xf1,
    transferCount: 2048,
    segmentsProcessed: 0,
  };

  test('RECEIVE ROD TOKEN INFORMATION: the operation, and one token of 512 bytes in its descriptor', () => {
    const token = Buffer.alloc(512, 't');
    assert.deepEqual(
      Buffer.from(encodeRodTokenInformation(operation, token)),
      Buffer.concat([
        hex(`
          00000222 10 01 0002 fffffffe 00 00 00 f1 0000000000000800 0000 000000000000
          00000202 0000`),
        token,
      ]),
    );
    const without = encodeRodTokenInformation(operation, undefined);
    assert.deepEqual(Buffer.from(without.subarray(0, 4)), hex('00000020'));
    assert.deepEqual(Buffer.from(without.subarray(32)), hex('00000000'));
  });

  test('RECEIVE COPY STATUS(LID4): with the sense of a copy that failed, and when to ask again for one under way', () => {
    const failed = { ...operation, status: 0x02, completionStatus: 0x02, sense: Buffer.alloc(18, 's') };
    assert.deepEqual(
      Buffer.from(encodeCopyOperation(failed)),
      Buffer.concat([hex('0000002e 10 02 0002 fffffffe 02 12 12 f1 0000000000000800 0000 000000000000'), failed.sense]),
    );
    for (const status of [0x11, 0x12]) {
      assert.equal(Buffer.from(encodeCopyOperation({ ...operation, status })).readUInt32BE(8), 100);
    }
  });
});
