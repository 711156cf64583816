/** Additional header segments (RFC 7143 §11.2.2): golden bytes both ways, and whatever else may come. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../src/bytes/index.ts';
import {
  type AdditionalHeaders,
  decodeAdditionalHeaders,
  encodeExtendedCdb,
  joinCdb,
} from '../../src/iscsi/additional-header.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const nothing: AdditionalHeaders = {
  extendedCdb: undefined,
  bidirectionalReadLength: undefined,
  unknownCode: undefined,
};
const cdbOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index);

describe('the Extended CDB AHS (RFC 7143 §11.2.2.3)', () => {
  test('AHSLength is the CDB’s length less 15', () => {
    const ahs = hex('0011 01 00 101112131415161718191a1b1c1d1e1f');
    assert.deepEqual(Buffer.from(encodeExtendedCdb(cdbOf(32))), ahs);
    const decoded = decodeAdditionalHeaders(ahs);
    assert.deepEqual(Buffer.from(joinCdb(cdbOf(16), decoded)), Buffer.from(cdbOf(32)));
  });

  test('it is padded to whole words, which its length does not count', () => {
    assert.deepEqual(Buffer.from(encodeExtendedCdb(cdbOf(17))), hex('0002 01 00 10 000000'));
    assert.deepEqual(joinCdb(cdbOf(16), decodeAdditionalHeaders(hex('0002 01 00 10 ffffff'))), cdbOf(17));
  });

  test('every CDB of 17 to 260 bytes comes back as it was', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 17, maxLength: 260 }), (cdb) => {
        const ahs = encodeExtendedCdb(cdb);
        assert.equal(ahs.length % 4, 0);
        assert.deepEqual(joinCdb(cdb.subarray(0, 16), decodeAdditionalHeaders(ahs)), cdb);
      }),
    );
  });
});

test('the read length of a bidirectional command stands in its own segment (RFC 7143 §11.2.2.4)', () => {
  assert.deepEqual(decodeAdditionalHeaders(hex('0005 02 00 00010203')), {
    ...nothing,
    bidirectionalReadLength: 0x10203,
  });
  const both = decodeAdditionalHeaders(Buffer.concat([hex('0005 02 00 00000200'), encodeExtendedCdb(cdbOf(18))]));
  assert.equal(both.bidirectionalReadLength, 512);
  assert.deepEqual(both.extendedCdb, Buffer.of(16, 17));
});

test('reserved bits of AHSType do not count; a code without a meaning is told, and what follows is read', () => {
  assert.equal(decodeAdditionalHeaders(hex('0005 c2 00 00000001')).bidirectionalReadLength, 1);
  const decoded = decodeAdditionalHeaders(hex('0003 07 00 aabb 0000 0005 02 00 00000001'));
  assert.deepEqual(decoded, { ...nothing, unknownCode: 7, bidirectionalReadLength: 1 });
  assert.equal(decodeAdditionalHeaders(hex('0001 00 00')).unknownCode, 0);
});

describe('a format error ends the session (RFC 7143 §7.7)', () => {
  const errors: readonly (readonly [string, string])[] = [
    ['no length', '0000 01 00'],
    ['longer than all segments together', '0006 01 00 00000000'],
    ['an extended CDB of 16 bytes', '0001 01 00'],
    ['a bidirectional read length of three bytes', '0004 02 00 00000000'],
    ['of six', '0009 02 00 00000000 00000000'],
    ['two extended CDBs', '0002 01 00 10 000000 0002 01 00 10 000000'],
    ['two read lengths', '0005 02 00 00000001 0005 02 00 00000001'],
  ];
  for (const [what, ahs] of errors) {
    test(what, () => {
      assert.throws(() => decodeAdditionalHeaders(hex(ahs)), { code: 'ISCSI_AHS_MALFORMED' });
    });
  }

  test('arbitrary bytes raise nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 255 * 4 }), (ahs) => {
        try {
          decodeAdditionalHeaders(ahs);
        } catch (error) {
          assert.ok(error instanceof ProtocolError);
        }
      }),
    );
  });
});
