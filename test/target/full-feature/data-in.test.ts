/** Data-In and SCSI Response: how data is cut, numbered and flagged, and what goes with the status (RFC 7143 §11.4, §11.7). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import { DataIn, ScsiResponse } from '../../../src/iscsi/pdu.ts';
import { decodeSense, Status } from '../../../src/scsi/index.ts';
import { HeldDevice, ioError } from '../held-device.ts';
import { BLOCK, pattern, read, testUnitReady, write } from '../scsi-requests.ts';
import { serveTarget } from '../served-target.ts';

async function filled(length: number): Promise<{ device: MemoryDevice; data: Buffer }> {
  const device = new MemoryDevice(256 * BLOCK);
  const data = pattern(length);
  device.write(0, [data]);
  return { device, data };
}

test('data comes in PDUs of the initiator’s length at most, in order, DataSN from 0 (RFC 7143 §4.2.2.4, §11.7.5, §13.12)', async () => {
  const { device, data } = await filled(8 * BLOCK);
  await using served = await serveTarget({ device });
  for (const limit of [512, 1000, 1024, 16_384]) {
    const raw = await served.login(
      { MaxRecvDataSegmentLength: String(limit) },
      { isid: `8000000${limit.toString().padStart(5, '0')}` },
    );
    const { data: got, pdus } = await raw.run(read(8), { length: data.length });
    assert.deepEqual(got, data);
    let offset = 0;
    for (const [index, pdu] of pdus.entries()) {
      const header = DataIn.view(pdu.header);
      assert.deepEqual([header.dataSN, header.bufferOffset], [index, offset]);
      assert.ok(pdu.dataLength <= limit && pdu.dataLength > 0);
      offset += pdu.dataLength;
    }
  }
});

test('all but the last PDU of a sequence are filled to whole words (RFC 7143 §11.7.7)', async () => {
  const { device, data } = await filled(8 * BLOCK);
  await using served = await serveTarget({ device });
  const raw = await served.login({ MaxRecvDataSegmentLength: '515' });
  const { data: got, pdus } = await raw.run(read(8), { length: data.length });
  assert.deepEqual(got, data);
  for (const { header, dataLength } of pdus)
    assert.ok(DataIn.view(header).final || dataLength % 4 === 0, `${dataLength}`);
});

test('a sequence is MaxBurstLength at most, and ends with F; the next goes on with offset and DataSN (RFC 7143 §11.7.1, §13.13)', async () => {
  const { device, data } = await filled(16 * BLOCK);
  await using served = await serveTarget({ device });
  const raw = await served.login({ MaxRecvDataSegmentLength: '1024', MaxBurstLength: '2560' });
  const { data: got, pdus } = await raw.run(read(16), { length: data.length });
  assert.deepEqual(got, data);
  let burst = 0;
  for (const [index, { header, dataLength }] of pdus.entries()) {
    const view = DataIn.view(header);
    burst += dataLength;
    assert.ok(burst <= 2560);
    assert.equal(view.final, burst === 2560 || index === pdus.length - 1);
    if (view.final) burst = 0;
  }
});

test('a good status goes with the last data: S with F, and StatSN, status and residual only there (RFC 7143 §11.7.3)', async () => {
  const { device } = await filled(4 * BLOCK);
  await using served = await serveTarget({ device });
  const raw = await served.login({ MaxRecvDataSegmentLength: '512' });
  const { expStatSN } = raw;
  const { pdus } = await raw.run(read(4), { length: 4 * BLOCK });
  for (const [index, { header }] of pdus.entries()) {
    const view = DataIn.view(header);
    const isLast = index === pdus.length - 1;
    assert.deepEqual([view.hasStatus, view.statSN], isLast ? [true, expStatSN] : [false, 0]);
    assert.ok(!view.hasStatus || view.final);
    assert.deepEqual([view.status, view.residualCount, view.acknowledge], [0, 0, false]);
    // Without A, transfer tag and LUN are reserved (§11.7.4).
    assert.equal(view.targetTransferTag, RESERVED_TAG);
    assert.ok(view.lun.every((byte) => byte === 0));
    assert.deepEqual([header[0], (header[1] ?? 0) & 0x38, header[2]], [Opcode.dataIn, 0, 0], 'reserved bits');
  }
});

test('an error has a response of its own, with sense data behind its length (RFC 7143 §11.4.7, §11.7.3)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  const { expStatSN } = raw;
  const { status, sense, pdus } = await raw.run(read(1, 0x7fff_ffff), { length: BLOCK });
  assert.equal(status, Status.checkCondition);
  const [pdu, ...more] = pdus;
  assert.ok(pdu);
  assert.equal(more.length, 0);
  const { header } = pdu;
  const view = ScsiResponse.view(header);
  assert.equal(view.statSN, expStatSN);
  assert.deepEqual([view.response, view.expDataSN, view.snackTag], [0, 0, 0]);
  const segment = Buffer.concat(pdu.data);
  assert.equal(segment.readUInt16BE(0), segment.length - 2);
  assert.equal(decodeSense(sense)?.code, 0x2100);
  assert.deepEqual([header[0], (header[1] ?? 0) & 0xe1], [Opcode.scsiResponse, 0x80], 'F, and no reserved bit');
  assert.ok(header.subarray(8, 16).every((byte) => byte === 0));
  assert.equal(view.bidirectionalResidualCount, 0);
});

test('without data, status GOOD comes in a response without a data segment (RFC 7143 §11.4)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  const { pdus } = await raw.run(testUnitReady);
  const [pdu] = pdus;
  assert.ok(pdu);
  const view = ScsiResponse.view(pdu.header);
  assert.deepEqual([pdu.dataLength, view.status, view.response, view.residualCount], [0, 0, 0, 0]);
  assert.deepEqual([view.overflow, view.underflow, view.expDataSN], [false, false, 0]);
});

test('a READ that fails after some of its data says how much came, and how much did not (RFC 7143 §11.4.5, §11.4.8)', async () => {
  const device = new HeldDevice(8 << 20);
  await using served = await serveTarget({ device });
  const raw = await served.login({ MaxRecvDataSegmentLength: '262144' });
  const length = 3 << 20;
  const tag = raw.command(read(length / BLOCK), { length });
  await device.holding(1);
  device.releaseAll();
  await device.holding(1);
  device.held.splice(0)[0]?.release(ioError());
  const { status, data, residual, pdus } = await raw.result(tag);
  assert.equal(status, Status.checkCondition);
  assert.equal(data.length, 1 << 20);
  assert.equal(residual, data.length - length);
  assert.equal(ScsiResponse.view(pdus.at(-1)?.header ?? new Uint8Array()).expDataSN, pdus.length - 1);
});

describe('residual counts: SPDTL beside EDTL (RFC 7143 §11.4.5)', () => {
  const rows: [what: string, wanted: number, length: number, residual: number][] = [
    ['as much as was expected', 2, 1024, 0],
    ['less than was expected', 1, 1024, -512],
    ['more than was expected', 3, 1024, 512],
    ['nothing, though something was expected', 0, 1024, -1024],
    ['something, though nothing was expected', 1, 0, 512],
    ['a part of a block', 1, 100, 412],
  ];
  for (const [what, blocks, length, residual] of rows) {
    test(`READ: ${what}`, async () => {
      const { device, data } = await filled(8 * BLOCK);
      await using served = await serveTarget({ device });
      const raw = await served.login();
      const result = await raw.run(read(blocks), { length });
      assert.deepEqual([result.status, result.residual], [Status.good, residual]);
      assert.deepEqual(result.data, data.subarray(0, Math.min(length, blocks * BLOCK)));
    });
  }
  for (const [what, blocks, length, residual] of rows.slice(0, 2)) {
    test(`WRITE: ${what}`, async () => {
      const device = new MemoryDevice(8 * BLOCK);
      await using served = await serveTarget({ device });
      const raw = await served.login();
      const data = pattern(length);
      const result = await raw.run(write(blocks), { direction: 'write', length, immediateData: data });
      assert.deepEqual([result.status, result.residual], [Status.good, residual]);
      assert.deepEqual(Buffer.concat(device.read(0, blocks * BLOCK)), data.subarray(0, blocks * BLOCK));
    });
  }

  test('what the CDB cuts short is no overflow (§11.4.5.3)', async () => {
    await using served = await serveTarget({
      units: new Map(Array.from({ length: 20 }, (_, lun) => [lun, new MemoryDevice(8 * BLOCK)])),
    });
    const raw = await served.login();
    const reportLuns = (allocationLength: number): Buffer => {
      const cdb = Buffer.alloc(16);
      cdb[0] = 0xa0;
      cdb.writeUInt32BE(allocationLength, 6);
      return cdb;
    };
    for (const [allocation, length, residual] of [
      [64, 64, 0],
      [64, 100, -36],
      [1000, 1000, 168 - 1000],
      [168, 64, 104],
    ] as const) {
      const result = await raw.run(reportLuns(allocation), { length });
      assert.deepEqual([result.status, result.residual], [Status.good, residual]);
      assert.equal(Buffer.from(result.data).readUInt32BE(0), 160, 'LUN LIST LENGTH tells the whole');
    }
  });
});

test('a command that fails was completed at the target all the same: the Status says so (RFC 7143 §11.4.3)', async () => {
  const device = new HeldDevice(8 << 20);
  await using served = await serveTarget({ device });
  const raw = await served.login({ InitialR2T: 'Yes' });
  const broken = async (): Promise<number> => {
    const tag = raw.command(read(1), { length: BLOCK });
    await device.holding(1);
    device.held.splice(0)[0]?.release(ioError());
    return tag;
  };
  const beyond = read(1);
  beyond.fill(0xff, 2, 6);
  for (const [what, tag] of [
    ['a device that fails', await broken()],
    ['a CDB that nobody knows', raw.command(new Uint8Array(16).fill(0xff))],
    ['a block that is not there', raw.command(beyond, { length: BLOCK })],
    ['a unit that is not there', raw.command(read(1), { length: BLOCK, lun: 5 })],
  ] as const) {
    const { header } = await raw.expect(Opcode.scsiResponse);
    const { initiatorTaskTag, response, status } = ScsiResponse.view(header);
    assert.deepEqual([initiatorTaskTag, response, status], [tag, 0, Status.checkCondition], what);
  }
});
