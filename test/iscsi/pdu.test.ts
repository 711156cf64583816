import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../src/bytes/index.ts';
import { Opcode } from '../../src/iscsi/opcode.ts';
import { DataIn, LoginRequest, NopOut, ReadyToTransfer, ScsiCommand, ScsiResponse } from '../../src/iscsi/pdu.ts';
import { type Pdu, PduReader, type PduReaderOptions } from '../../src/iscsi/pdu-reader.ts';
import { writePdu } from '../../src/iscsi/pdu-writer.ts';

const plain: PduReaderOptions = { maxDataSegmentLength: 8192, headerDigest: false, dataDigest: false };
const hex = (lines: string): Uint8Array => Buffer.from(lines.replaceAll(/#.*$/gm, '').replaceAll(/\s/g, ''), 'hex');

describe('golden headers', () => {
  test('SCSI Command: READ(10) of 8 blocks at LBA 0x1234', () => {
    const golden = hex(`
      01            # opcode
      c1            # F, R, ATTR simple
      0000 00       # reserved, TotalAHSLength
      000000        # DataSegmentLength
      0001000000000000 # LUN 1
      0000002a      # Initiator Task Tag
      00001000      # Expected Data Transfer Length 4096
      00000007      # CmdSN
      00000009      # ExpStatSN
      28 00 00001234 00 0008 00 000000000000 # CDB`);
    const view = ScsiCommand.view(golden);
    assert.equal(view.opcode, Opcode.scsiCommand);
    assert.deepEqual([view.final, view.read, view.write, view.attribute], [true, true, false, 1]);
    assert.equal(view.initiatorTaskTag, 0x2a);
    assert.equal(view.expectedDataTransferLength, 4096);
    assert.deepEqual([view.cmdSN, view.expStatSN], [7, 9]);
    assert.deepEqual(Buffer.from(ScsiCommand.encode(ScsiCommand.values(view))), Buffer.from(golden));
  });

  test('Data-In with status, R2T, SCSI Response and Login Request keep every bit', () => {
    const goldens = [
      [
        DataIn,
        '2581000000001000 0001000000000000 0000002a ffffffff 00000009 00000008 00000047 00000003 00006000 00000000',
      ],
      [
        ReadyToTransfer,
        '3180000000000000 0001000000000000 0000002b 00000c0d 00000009 00000008 00000047 00000001 00002000 00004000',
      ],
      [
        ScsiResponse,
        '2182000200000000 0000000000000000 0000002c 00000000 0000000a 00000009 00000048 00000000 00000000 00000200',
      ],
      [
        LoginRequest,
        '4387000000000100 80123456789a0000 00000001 00050000 00000001 00000000 00000000 00000000 00000000 00000000',
      ],
    ] as const;
    for (const [layout, text] of goldens) {
      const golden = hex(text);
      const values = layout.values(layout.view(golden) as never);
      assert.deepEqual(Buffer.from(layout.encode(values as never)), Buffer.from(golden), layout.name);
    }
    const dataIn = DataIn.view(hex(goldens[0][1]));
    assert.deepEqual([dataIn.final, dataIn.hasStatus, dataIn.dataSN, dataIn.bufferOffset], [true, true, 3, 0x6000]);
    const response = ScsiResponse.view(hex(goldens[2][1]));
    assert.deepEqual(
      [response.underflow, response.overflow, response.status, response.residualCount],
      [true, false, 2, 512],
    );
    const login = LoginRequest.view(hex(goldens[3][1]));
    assert.deepEqual([login.transit, login.currentStage, login.nextStage, login.cid], [true, 1, 3, 5]);
    assert.equal(Buffer.from(login.isid).toString('hex'), '80123456789a');
  });
});

const pduArbitrary = fc.record({ tag: fc.nat(0xfffffffe), data: fc.uint8Array({ maxLength: 600 }) });

function bytesOf(pdus: readonly { tag: number; data: Uint8Array }[], options: PduReaderOptions): Buffer {
  const parts: Uint8Array[] = [];
  for (const { tag, data } of pdus) {
    const header = NopOut.encode({ opcode: Opcode.nopOut, final: true, initiatorTaskTag: tag });
    writePdu((part) => parts.push(part), header, [data], options);
  }
  return Buffer.concat(parts);
}

function readAll(reader: PduReader): Pdu[] {
  const pdus: Pdu[] = [];
  for (let pdu = reader.next(); pdu !== undefined; pdu = reader.next()) pdus.push(pdu);
  return pdus;
}

describe('PDU stream', () => {
  test('comes out as it went in, however it is split, with and without digests', () => {
    fc.assert(
      fc.property(
        fc.array(pduArbitrary, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }),
        fc.boolean(),
        fc.boolean(),
        (pdus, sizes, headerDigest, dataDigest) => {
          const options = { ...plain, headerDigest, dataDigest };
          const stream = bytesOf(pdus, options);
          const reader = new PduReader(options);
          const read: Pdu[] = [];
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = sizes[i % sizes.length] ?? 1;
            reader.push(stream.subarray(at, at + size));
            read.push(...readAll(reader));
            at += size;
          }
          assert.deepEqual(
            read.map((pdu) => ({ tag: NopOut.view(pdu.header).initiatorTaskTag, data: Buffer.concat(pdu.data) })),
            pdus.map(({ tag, data }) => ({ tag, data: Buffer.from(data) })),
          );
          assert.ok(read.every((pdu) => pdu.dataDigestOk));
          assert.equal(reader.buffered, 0);
        },
      ),
    );
  });

  test('one byte at a time', () => {
    const stream = bytesOf([{ tag: 5, data: Buffer.from('abcde') }], plain);
    const reader = new PduReader(plain);
    for (const byte of stream.subarray(0, -1)) {
      reader.push(Uint8Array.of(byte));
      assert.equal(reader.next(), undefined);
    }
    reader.push(stream.subarray(-1));
    assert.equal(Buffer.concat(reader.next()?.data ?? []).toString(), 'abcde');
  });

  test('additional headers are kept apart from data', () => {
    const header = NopOut.encode({ opcode: Opcode.scsiCommand, totalAHSLength: 2, dataSegmentLength: 4 });
    const reader = new PduReader(plain);
    reader.push(Buffer.concat([header, Buffer.from('0005010000000040', 'hex'), Buffer.from('data')]));
    const pdu = reader.next();
    assert.equal(Buffer.from(pdu?.ahs ?? []).toString('hex'), '0005010000000040');
    assert.equal(Buffer.concat(pdu?.data ?? []).toString(), 'data');
  });

  test('a flipped bit in the header breaks the header digest, one in the data the data digest', () => {
    const options = { ...plain, headerDigest: true, dataDigest: true };
    const stream = bytesOf([{ tag: 5, data: Buffer.from('abcdefgh') }], options);
    const broken = Buffer.from(stream);
    broken[17] = (broken[17] ?? 0) ^ 1;
    const reader = new PduReader(options);
    reader.push(broken);
    assert.throws(() => reader.next(), { code: 'ISCSI_HEADER_DIGEST' });

    const brokenData = Buffer.from(stream);
    brokenData[54] = (brokenData[54] ?? 0) ^ 1;
    const second = new PduReader(options);
    second.push(brokenData);
    assert.equal(second.next()?.dataDigestOk, false);
  });

  test('a length beyond what was declared is refused before the data arrives', () => {
    const reader = new PduReader({ ...plain, maxDataSegmentLength: 512 });
    reader.push(NopOut.encode({ dataSegmentLength: 513 }));
    assert.throws(() => reader.next(), { code: 'ISCSI_DATA_TOO_LONG' });
  });

  test('arbitrary bytes never raise anything but a protocol error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, digests) => {
        const reader = new PduReader({ maxDataSegmentLength: 4096, headerDigest: digests, dataDigest: digests });
        reader.push(bytes);
        try {
          readAll(reader);
        } catch (error) {
          assert.ok(error instanceof ProtocolError);
        }
      }),
    );
  });
});
