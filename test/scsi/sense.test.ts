import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  AdditionalSense,
  decodeSense,
  encodeSense,
  MAXIMUM_SENSE_LENGTH,
  type Sense,
  SenseKey,
  senseText,
} from '../../src/scsi/index.ts';

const outOfRange: Sense = {
  key: SenseKey.illegalRequest,
  code: AdditionalSense.logicalBlockAddressOutOfRange,
  information: 0x1234n,
};

test('fixed format, byte for byte', () => {
  // prettier-ignore
  const golden = [
    'f0', //       VALID, current error in fixed format
    '00',
    '05', // ILLEGAL REQUEST
    '00001234', // INFORMATION
    '0a', //       ten more bytes
    '00000000', // COMMAND-SPECIFIC INFORMATION
    '2100', //     ASC, ASCQ
    '00', //       FIELD REPLACEABLE UNIT CODE
    '000000', //   SENSE KEY SPECIFIC
  ].join('');
  assert.equal(Buffer.from(encodeSense(outOfRange, 'fixed')).toString('hex'), golden);
});

test('descriptor format, byte for byte', () => {
  const sense: Sense = { ...outOfRange, field: { in: 'cdb', byte: 2 } };
  // prettier-ignore
  const golden = [
    '72',
    '05',
    '2100',
    '000000',
    '14', // header, 20 bytes of descriptors
    '000a8000',
    '0000000000001234', //     information, valid
    '02060000',
    'c0000200', //             sense key specific: field pointer into the CDB, byte 2
  ].join('');
  assert.equal(Buffer.from(encodeSense(sense, 'descriptor')).toString('hex'), golden);
  assert.equal(golden.length / 2, MAXIMUM_SENSE_LENGTH, 'none has more descriptors');
});

const { noSense, notReady, ...keysWithField } = SenseKey;
const u16 = fc.integer({ min: 0, max: 0xffff });
const codes = { code: u16, information: fc.option(fc.bigInt({ min: 0n, max: 0xffff_ffffn }), { nil: undefined }) };

/** What the key specific bytes hold follows from the key: a field pointer, or a progress indication. */
const anySense: fc.Arbitrary<Sense> = fc
  .oneof(
    fc.record({
      ...codes,
      key: fc.constantFrom(...Object.values(keysWithField)),
      field: fc.option(
        fc.record({ in: fc.constantFrom('cdb' as const, 'parameters' as const), byte: u16 }, { noNullPrototype: true }),
        { nil: undefined },
      ),
    }),
    fc.record({ ...codes, key: fc.constantFrom(noSense, notReady), progress: fc.option(u16, { nil: undefined }) }),
  )
  .map((sense) => Object.fromEntries(Object.entries(sense).filter(([, value]) => value !== undefined)) as never);

test('a progress indication stands where a field pointer does (SPC-4)', () => {
  const sense = { key: SenseKey.notReady, code: 0x041b, progress: 0x8001 };
  const fixed = Buffer.from(encodeSense(sense, 'fixed')).toString('hex');
  assert.equal(fixed, '70 00 02 00000000 0a 00000000 041b 00 808001'.replaceAll(' ', ''));
  const descriptor = Buffer.from(encodeSense(sense, 'descriptor')).toString('hex');
  assert.equal(descriptor, '72 02 041b 000000 08 02 06 0000 80 8001 00'.replaceAll(' ', ''));
});

test('both formats say the same', () => {
  fc.assert(
    fc.property(anySense, (sense) => {
      assert.deepEqual(decodeSense(encodeSense(sense, 'fixed')), sense);
      assert.deepEqual(decodeSense(encodeSense(sense, 'descriptor')), sense);
    }),
  );
});

test('INFORMATION that the fixed format cannot hold is left out', () => {
  const sense = { ...outOfRange, information: 1n << 40n };
  assert.equal(decodeSense(encodeSense(sense, 'fixed'))?.information, undefined);
  assert.equal(decodeSense(encodeSense(sense, 'descriptor'))?.information, 1n << 40n);
});

test('arbitrary bytes are sense or nothing', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      decodeSense(bytes);
    }),
  );
});

test('sense in words', () => {
  assert.equal(senseText(outOfRange), 'ILLEGAL REQUEST: LOGICAL BLOCK ADDRESS OUT OF RANGE (05/2100)');
  assert.match(senseText({ key: 0xf, code: 0x8001 }), /ASC 80h ASCQ 01h/);
});
