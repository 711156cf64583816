import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../src/bytes/index.ts';
import { decodePacket, encodePacket, normalizeFileName, Opcode, type TftpPacket } from '../../src/tftp/index.ts';
import { grantOptions } from '../../src/tftp/negotiation.ts';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
const ascii = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));

const goldens: readonly (readonly [name: string, bytes: Uint8Array, packet: TftpPacket])[] = [
  [
    // What the PXE client of EDK2 asks first: how long the file is.
    'a read request with options',
    ascii('\0\x01snponly.efi\0octet\0tsize\x000\0blksize\x001468\0windowsize\x004\0'),
    {
      opcode: Opcode.readRequest,
      fileName: 'snponly.efi',
      mode: 'octet',
      options: new Map([
        ['tsize', '0'],
        ['blksize', '1468'],
        ['windowsize', '4'],
      ]),
    },
  ],
  [
    'a plain write request',
    ascii('\0\x02a\0netascii\0'),
    { opcode: Opcode.writeRequest, fileName: 'a', mode: 'netascii', options: new Map() },
  ],
  ['a block', hex('0003 ffff 00ff'), { opcode: Opcode.data, block: 65_535, data: hex('00ff') }],
  ['an empty block', hex('0003 0001'), { opcode: Opcode.data, block: 1, data: new Uint8Array() }],
  ['an ACK', hex('0004 0100'), { opcode: Opcode.ack, block: 256 }],
  ['an error', ascii('\0\x05\0\x01no\0'), { opcode: Opcode.error, code: 1, message: 'no' }],
  ['an option ACK', ascii('\0\x06tsize\x0042\0'), { opcode: Opcode.optionAck, options: new Map([['tsize', '42']]) }],
];

describe('TFTP packets', () => {
  for (const [name, bytes, packet] of goldens) {
    test(`${name} is read and written`, () => {
      assert.deepEqual(decodePacket(bytes), packet);
      assert.deepEqual(encodePacket(packet), bytes);
    });
  }

  test('modes and option names know no case, and the first of two options counts', () => {
    const packet = decodePacket(ascii('\0\x01F\0OCTET\0BlkSize\x0016\0blksize\x008\0'));
    assert.deepEqual(packet, {
      opcode: Opcode.readRequest,
      fileName: 'F',
      mode: 'octet',
      options: new Map([['blksize', '16']]),
    });
  });

  test('what is no packet is refused', () => {
    for (const bytes of ['', '00', '0001', '0007 0000', '0001 6100', '0001 61', '0000 0000']) {
      assert.throws(() => decodePacket(hex(bytes)), { code: 'TFTP_PACKET_INVALID' }, bytes);
    }
    assert.throws(() => decodePacket(ascii('\0\x01a\0octet\0tsize\0')), { code: 'TFTP_PACKET_INVALID' });
    assert.throws(() => decodePacket(ascii('\0\x01a\0octet\0tsize\x000')), { code: 'TFTP_PACKET_INVALID' });
  });

  test('any bytes raise nothing but ProtocolError', () => {
    const property = fc.property(fc.integer({ min: 0, max: 7 }), fc.uint8Array({ maxLength: 100 }), (opcode, rest) => {
      try {
        decodePacket(Uint8Array.from([0, opcode, ...rest]));
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error));
      }
    });
    fc.assert(property, { numRuns: 2000 });
  });
});

describe('file names', () => {
  test('are made relative to the served folder', () => {
    for (const name of ['a/b', '/a/b', '//a//b', '\\a\\b', './a/./b', 'a/b/'])
      assert.equal(normalizeFileName(name), 'a/b');
  });

  test('cannot leave it', () => {
    for (const name of ['', '/', '.', '..', '../a', 'a/../../b', '\\..\\a', 'a/..', 'a\nb', 'a\0b']) {
      assert.equal(normalizeFileName(name), undefined, JSON.stringify(name));
    }
  });

  test('never hold a step upwards, whatever was asked', () => {
    const part = fc.constantFrom('..', '.', 'a', '', '...', '/', '\\');
    const name = fc.array(part, { maxLength: 8 }).map((parts) => parts.join('/'));
    fc.assert(
      fc.property(fc.oneof(name, fc.string()), (asked) => {
        const given = normalizeFileName(asked);
        if (given === undefined) return;
        assert.ok(!given.startsWith('/') && !given.includes('\\'));
        assert.ok(!given.split('/').some((step) => step === '..' || step === '.' || step === ''));
      }),
    );
  });
});

describe('options', () => {
  const grant = (options: Record<string, string>, size?: number) =>
    Object.fromEntries(grantOptions(new Map(Object.entries(options)), size).granted);

  test('are granted as asked within their range', () => {
    const asked = { tsize: '0', blksize: '1468', timeout: '3', windowsize: '4' };
    assert.deepEqual(grant(asked, 1000), { tsize: '1000', blksize: '1468', timeout: '3', windowsize: '4' });
  });

  test('take the smallest and the largest blocks, and tell of a file of more than 4 GiB', () => {
    assert.deepEqual(grant({ blksize: '8' }), { blksize: '8' });
    assert.deepEqual(grant({ blksize: '65464' }), { blksize: '65464' });
    assert.deepEqual(grant({ tsize: '0' }, 2 ** 32 + 1), { tsize: '4294967297' });
  });

  test('come down to what the server can do', () => {
    assert.deepEqual(grant({ blksize: '65535' }), { blksize: '65464' });
    assert.deepEqual(grant({ windowsize: '65535' }), { windowsize: '64' });
    // A quarter of a mebibyte is all that leaves at once.
    assert.deepEqual(grant({ blksize: '65464', windowsize: '64' }), { blksize: '65464', windowsize: '4' });
  });

  test('are passed over when unknown, out of range or no number', () => {
    const asked = { blksize: '7', timeout: '256', windowsize: '0', 'x-other': '1' };
    assert.deepEqual(grant(asked), {});
    assert.deepEqual(grant({ blksize: '-8', timeout: '1.5', windowsize: '' }), {});
    assert.deepEqual(grant({ blksize: '65536', timeout: '0', windowsize: '65536' }), {});
    assert.deepEqual(grant({ blksize: '0x200', timeout: ' 5', windowsize: '1e1' }), {});
    assert.deepEqual(grant({ blksize: '99999999999', timeout: '\u0663', windowsize: '+4' }), {});
    assert.deepEqual(grant({ tsize: '0' }), {}, 'netascii has no size beforehand');
  });
});
