import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bits, bytes, flag, layout, ProtocolError, u8, u16, u24, u32, u64 } from '../../src/bytes/index.ts';

const Sample = layout('Sample', 24, {
  immediate: flag(0, 6),
  opcode: bits(0, 0, 6),
  final: flag(1, 7),
  length: u24(5),
  tag: u8(2),
  port: u16(3),
  serial: u32(8),
  lba: u64(12),
  name: bytes(20, 4),
});

test('a layout encodes each field where it is declared, most significant byte first', () => {
  const encoded = Sample.encode({
    immediate: true,
    opcode: 0x04,
    final: true,
    tag: 0x7f,
    length: 0x010203,
    serial: 0xdeadbeef,
    lba: 0x0102030405060708n,
    name: Uint8Array.of(0xaa, 0xbb),
  });
  assert.equal(Buffer.from(encoded).toString('hex'), '44807f0000010203deadbeef0102030405060708aabb0000');
});

test('fields share a byte without disturbing each other', () => {
  const encoded = Sample.encode({ opcode: 0x3f });
  const view = Sample.edit(encoded);
  view.immediate = true;
  assert.equal(view.opcode, 0x3f);
  view.opcode = 1;
  assert.equal(view.immediate, true);
  assert.equal(encoded[0], 0x41);
});

test('what is encoded is read back, at any offset', () => {
  fc.assert(
    fc.property(
      fc.record({
        immediate: fc.boolean(),
        opcode: fc.nat(63),
        final: fc.boolean(),
        tag: fc.nat(255),
        length: fc.nat(0xffffff),
        serial: fc.nat(0xffffffff),
        lba: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
        name: fc.uint8Array({ minLength: 4, maxLength: 4 }),
      }),
      fc.nat(9),
      (values, offset) => {
        const buffer = new Uint8Array(40).fill(0xee);
        buffer.fill(0, offset, offset + 24);
        Sample.write(buffer, offset, values);
        const { port: _, ...read } = Sample.values(Sample.view(buffer, offset));
        assert.deepEqual(read, { ...values, name: Uint8Array.from(values.name) });
        assert.equal(buffer[offset + 24], 0xee);
      },
    ),
  );
});

test('a structure that is cut short is a protocol error, wherever the cut is', () => {
  for (let length = 0; length < 24; length++) {
    assert.throws(() => Sample.view(new Uint8Array(length)), ProtocolError);
  }
  assert.throws(() => Sample.view(new Uint8Array(30), 7), { code: 'LAYOUT_TRUNCATED' });
  assert.throws(() => Sample.view(new Uint8Array(30), -1), ProtocolError);
});

test('a field that leaves its structure is refused when the layout is declared', () => {
  assert.throws(() => layout('Bad', 4, { last: u32(1) }), RangeError);
  assert.throws(() => layout('Bad', 4, { source: u32(0) }), RangeError);
});
