/** The iSCSI Boot Firmware Table, byte for byte. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { macFromBytes, ProtocolError, parseIpv4, parseIpv6 } from '../../src/bytes/index.ts';
import { decodeIbft, encodeIbft, type IbftTable } from '../../src/ibft/index.ts';
import { oneDisk, twoDisks } from './goldens.ts';

const golden = [
  ['IPv4, one NIC and one target, mutual CHAP', oneDisk],
  ['IPv6, two NICs and two targets', twoDisks],
] as const;

describe('golden tables', () => {
  for (const [name, { table, bytes }] of golden) {
    test(`${name}: written`, () => {
      assert.equal(Buffer.from(encodeIbft(table)).toString('hex'), Buffer.from(bytes).toString('hex'));
    });

    test(`${name}: read`, () => {
      assert.deepEqual(decodeIbft(bytes), table);
    });

    test(`${name}: what follows in memory is not part of it`, () => {
      assert.deepEqual(decodeIbft(Buffer.concat([bytes, Buffer.alloc(100, 0xff)])), table);
    });

    test(`${name}: a table that is cut anywhere, or has another byte anywhere, is refused`, () => {
      for (let length = 0; length < bytes.length; length++)
        assert.throws(() => decodeIbft(bytes.subarray(0, length)), refusal);
      for (let at = 0; at < bytes.length; at++) {
        const damaged = Uint8Array.from(bytes);
        damaged[at] = (damaged[at] ?? 0) ^ 0x40;
        assert.throws(() => decodeIbft(damaged), refusal, `byte ${at}`);
      }
    });
  }
});

const refusal = { name: 'ProtocolError', code: 'IBFT_MALFORMED' } as const;

describe('tables of other makers', () => {
  test('an IPv4 address of zeros is none, as EDK2 writes it', () => {
    const bytes = Uint8Array.from(oneDisk.bytes);
    const nicAt = 152;
    bytes.set([0, 0, 0, 0], nicAt + 24 + 12);
    assert.equal(decodeIbft(withChecksum(bytes)).nics[0]?.gateway, undefined);
  });

  test('a structure that is longer than ours is read as far as we know it', () => {
    const bytes = Uint8Array.from(oneDisk.bytes);
    // Room is what lies behind it in the heap.
    bytes[256 + 2] = 56;
    assert.deepEqual(decodeIbft(withChecksum(bytes)).targets, oneDisk.table.targets);
  });

  test('a structure that is absent is absent', () => {
    const bytes = Uint8Array.from(oneDisk.bytes);
    bytes.fill(0, 48 + 8, 48 + 18);
    assert.deepEqual(decodeIbft(withChecksum(bytes)), {
      ...oneDisk.table,
      initiator: undefined,
      nics: [],
      targets: [],
    });
  });

  const lies: readonly (readonly [string, number, readonly number[]])[] = [
    ['another revision', 8, [2]],
    ['another signature', 0, [0x41]],
    ['a length shorter than its control structure', 4, [48 + 17, 0, 0, 0]],
    ['a length beyond the end', 4, [0xff, 0xff, 0xff, 0xff]],
    ['another structure where the control structure belongs', 48, [2]],
    ['a control structure that is too short', 50, [17, 0]],
    ['an initiator structure inside the header', 56, [8, 0]],
    ['an initiator structure at the very end', 56, [0xf0, 0xff]],
    ['a NIC where the initiator belongs', 56, [152, 0]],
    ['a target structure longer than the table', 258, [0xff, 0xff]],
    ['a name beyond the end', 256 + 34, [0xff, 0xff]],
    ['a name inside the header', 256 + 36, [4, 0]],
    ['a secret beyond the end', 256 + 44, [0xff, 0xff]],
    ['a CHAP type that does not exist', 256 + 32, [3]],
  ];
  for (const [name, at, lie] of lies) {
    test(`${name} is refused`, () => {
      const bytes = Uint8Array.from(oneDisk.bytes);
      bytes.set(lie, at);
      assert.throws(() => decodeIbft(withChecksum(bytes)), refusal);
    });
  }

  test('any bytes with a sound header raise nothing but ProtocolError', () => {
    const body = fc.uint8Array({ minLength: 18, maxLength: 400 });
    const changes = fc.array(fc.tuple(fc.nat(oneDisk.bytes.length - 1), fc.nat(255)), { maxLength: 8 });
    fc.assert(
      fc.property(body, (rest) => attempt(withChecksum(withHeader(rest)))),
      { numRuns: 1000 },
    );
    const damaged = (list: readonly (readonly [number, number])[]) => {
      const bytes = Uint8Array.from(oneDisk.bytes);
      for (const [at, value] of list) bytes[at] = value;
      return withChecksum(bytes);
    };
    fc.assert(
      fc.property(changes, (list) => attempt(damaged(list))),
      { numRuns: 3000 },
    );
  });
});

describe('what a table can say', () => {
  test('everything comes back', () => {
    fc.assert(
      fc.property(anyTable, (table) => {
        assert.deepEqual(decodeIbft(encodeIbft(table)), table);
      }),
      { numRuns: 500 },
    );
  });

  test('structures are aligned to eight bytes, and all bytes sum up to zero', () => {
    fc.assert(
      fc.property(anyTable, (table) => {
        const bytes = encodeIbft(table);
        const view = new DataView(bytes.buffer);
        for (const at of [8, 10, 12, 14, 16]) assert.equal(view.getUint16(48 + at, true) % 8, 0);
        assert.equal(bytes.reduce((sum, byte) => sum + byte, 0) % 256, 0);
        assert.equal(view.getUint32(4, true), bytes.length);
      }),
    );
  });

  const { table } = oneDisk;
  const [nic] = table.nics;
  const [target] = table.targets;
  assert.ok(nic !== undefined && target !== undefined);
  const impossible: readonly (readonly [string, IbftTable])[] = [
    ['three targets', { ...table, targets: [target, target, target] }],
    ['three NICs', { ...table, nics: [nic, nic, nic] }],
    ['a LUN of one byte', { ...table, targets: [{ ...target, lun: Uint8Array.of(1) }] }],
    ['a port beyond the end', { ...table, targets: [{ ...target, port: 65_536 }] }],
    ['a VLAN that does not exist', { ...table, nics: [{ ...nic, vlan: 4095 }] }],
    ['a name that is too long', { ...table, targets: [{ ...target, name: 'x'.repeat(256) }] }],
    ['a maker with a long name', { ...table, oemId: 'DISKLESS' }],
    ['a target that proves itself to nobody', { ...table, targets: [{ ...target, chap: undefined }] }],
  ];
  for (const [name, wrong] of impossible) {
    test(`${name} is refused`, () => {
      assert.throws(() => encodeIbft(wrong), { code: 'IBFT_VALUE_INVALID' });
    });
  }
});

function attempt(bytes: Uint8Array): void {
  try {
    decodeIbft(bytes);
  } catch (error) {
    assert.ok(error instanceof ProtocolError, String(error));
  }
}

function withHeader(rest: Uint8Array): Uint8Array {
  const bytes = Buffer.concat([oneDisk.bytes.subarray(0, 48), rest]);
  bytes.writeUInt32LE(bytes.length, 4);
  bytes.set([1, 1, 18, 0, 0, 0], 48);
  return bytes;
}

function withChecksum(bytes: Uint8Array): Uint8Array {
  bytes[9] = 0;
  bytes[9] = -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
  return bytes;
}

const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(model, { noNullPrototype: true });
const byte = fc.nat(255);
const someText = fc
  .string({ maxLength: 40, unit: 'binary' })
  .filter((text) => new TextEncoder().encode(text).length <= 255);
const address = fc.oneof(
  fc.constant(undefined),
  fc
    .ipV4()
    .filter((each) => each !== '0.0.0.0')
    .map(parseIpv4),
  fc.constantFrom('2001:db8::1', 'fe80::5054:ff:fe00:1', '1:2:3:4:5:6:7:8').map(parseIpv6),
);
const block = { valid: fc.boolean(), bootSelected: fc.boolean() };
const chap = record({ name: someText, secret: fc.uint8Array({ maxLength: 255 }) });
const anyNic = record({
  ...block,
  index: byte,
  global: fc.boolean(),
  address,
  prefix: fc.nat(128),
  origin: byte,
  gateway: address,
  primaryDns: address,
  secondaryDns: address,
  dhcpServer: address,
  vlan: fc.nat(4094),
  mac: fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => macFromBytes(bytes)),
  pci: record({ bus: byte, device: fc.nat(31), function: fc.nat(7) }),
  hostName: someText,
});
const anyTarget = record({
  ...block,
  index: byte,
  address,
  port: fc.nat(65_535),
  lun: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  nicIndex: byte,
  name: someText,
  chap: fc.option(chap, { nil: undefined }),
  reverseChap: fc.option(chap, { nil: undefined }),
  radiusChap: fc.boolean(),
  radiusReverseChap: fc.boolean(),
}).map((target) => ({ ...target, reverseChap: target.chap && target.reverseChap }));
const identifier = (most: number) => fc.stringMatching(new RegExp(`^[A-Z0-9]{0,${most}}$`));
const anyTable: fc.Arbitrary<IbftTable> = record({
  oemId: identifier(6),
  oemTableId: identifier(8),
  initiator: fc.option(
    record({
      ...block,
      name: someText,
      isnsServer: address,
      slpServer: address,
      primaryRadiusServer: address,
      secondaryRadiusServer: address,
    }),
    { nil: undefined },
  ),
  nics: fc.array(anyNic, { maxLength: 2 }),
  targets: fc.array(anyTarget, { maxLength: 2 }),
});
