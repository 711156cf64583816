/** R2T and the data that answers it (RFC 7143 §11.7, §11.8). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import { ReadyToTransfer, RejectReason, ScsiResponse } from '../../../src/iscsi/pdu.ts';
import { decodeSense, encodeLun, Status } from '../../../src/scsi/index.ts';
import { settled } from '../commands/asker.ts';
import type { RawInitiator } from '../raw-initiator.ts';
import { BLOCK, pattern, write } from '../scsi-requests.ts';
import { serveTarget } from '../served-target.ts';

const solicitedOnly = { InitialR2T: 'Yes', ImmediateData: 'No' };

async function r2t(raw: RawInitiator): Promise<ReadyToTransfer> {
  return ReadyToTransfer.view((await raw.expect(Opcode.readyToTransfer)).header);
}

function senseOf(sense: Uint8Array): [number | undefined, number | undefined] {
  const { key, code } = decodeSense(sense) ?? {};
  return [key, code];
}

test('an R2T asks for the next bytes, MaxBurstLength at most, in the name of its command (RFC 7143 §11.8)', async () => {
  const device = new MemoryDevice(64 * BLOCK);
  await using served = await serveTarget({ units: new Map([[5, device]]) });
  const raw = await served.login({ ...solicitedOnly, MaxBurstLength: '1536', MaxOutstandingR2T: '1' });
  const data = pattern(8 * BLOCK);
  const tag = raw.command(write(8), { direction: 'write', length: data.length, lun: 5 });
  const { expStatSN } = raw;
  const tags = new Set<number>();
  for (const [r2tSN, [offset, length]] of [
    [0, 1536],
    [1536, 1536],
    [3072, 1024],
  ].entries()) {
    const pdu = await raw.expect(Opcode.readyToTransfer);
    const { header } = pdu;
    const asked = ReadyToTransfer.view(header);
    assert.deepEqual(
      [asked.r2tSN, asked.bufferOffset, asked.desiredDataTransferLength, asked.initiatorTaskTag],
      [r2tSN, offset, length, tag],
    );
    assert.deepEqual([...asked.lun], [...encodeLun(5)]);
    assert.notEqual(asked.targetTransferTag, RESERVED_TAG);
    assert.equal(asked.statSN, expStatSN, 'the next StatSN, which is not used up');
    assert.deepEqual(
      [header[0], header[1], pdu.dataLength, asked.totalAHSLength],
      [Opcode.readyToTransfer, 0x80, 0, 0],
    );
    tags.add(asked.targetTransferTag);
    const sequence = data.subarray(0, asked.bufferOffset + asked.desiredDataTransferLength);
    for (let at = asked.bufferOffset, dataSN = 0; at < sequence.length; at += 512, dataSN++) {
      raw.dataOut(tag, sequence.subarray(at, at + 512), {
        targetTransferTag: asked.targetTransferTag,
        dataSN,
        bufferOffset: at,
        final: at + 512 >= sequence.length,
        lun: 5,
      });
    }
  }
  const { status, pdus } = await raw.result(tag);
  assert.equal(status, Status.good);
  assert.equal(ScsiResponse.view(pdus[0]?.header ?? new Uint8Array()).statSN, expStatSN);
  assert.equal(tags.size, 3, 'every R2T has a tag of its own');
  assert.deepEqual(Buffer.concat(device.read(0, data.length)), data);
});

test('as many R2Ts are outstanding as were agreed on, answered in their order (RFC 7143 §11.8, §13.17)', async () => {
  const device = new MemoryDevice(64 * BLOCK);
  await using served = await serveTarget({ device });
  const raw = await served.login({ ...solicitedOnly, MaxBurstLength: '512', MaxOutstandingR2T: '3' });
  const data = pattern(8 * BLOCK);
  const tag = raw.command(write(8), { direction: 'write', length: data.length });
  const outstanding = [await r2t(raw), await r2t(raw), await r2t(raw)];
  await settled();
  for (let next = outstanding.shift(), seen = 3; next !== undefined; next = outstanding.shift()) {
    raw.sendSequence(tag, data, next.targetTransferTag, next.bufferOffset, next.desiredDataTransferLength, 512);
    if (seen < 8) outstanding.push(await r2t(raw));
    seen += 1;
  }
  assert.equal((await raw.result(tag)).status, Status.good);
  assert.deepEqual(Buffer.concat(device.read(0, data.length)), data);
});

test('data for a later R2T, for a tag that was never given, or with another LUN is rejected, and the WRITE waits for its own (RFC 7143 §4.2.5.3, §11.17.1)', async () => {
  const device = new MemoryDevice(64 * BLOCK);
  await using served = await serveTarget({ device });
  const raw = await served.login({ ...solicitedOnly, MaxBurstLength: '512', MaxOutstandingR2T: '2' });
  const data = pattern(2 * BLOCK);
  const tag = raw.command(write(2), { direction: 'write', length: data.length });
  const [first, second] = [await r2t(raw), await r2t(raw)];
  const own = { targetTransferTag: first.targetTransferTag, dataSN: 0, bufferOffset: 0, final: true };
  const wrong = [
    { ...own, targetTransferTag: second.targetTransferTag, bufferOffset: 512 },
    { ...own, targetTransferTag: 0x7777 },
    { ...own, targetTransferTag: RESERVED_TAG },
    { ...own, lun: 3 },
  ];
  for (const values of wrong) {
    raw.dataOut(tag, data.subarray(0, 512), values);
    assert.equal((await raw.rejection()).reason, RejectReason.invalidPduField, JSON.stringify(values));
  }
  for (const next of [first, second]) {
    raw.sendSequence(tag, data, next.targetTransferTag, next.bufferOffset, next.desiredDataTransferLength, 512);
  }
  assert.equal((await raw.result(tag)).status, Status.good);
  assert.deepEqual(Buffer.concat(device.read(0, data.length)), data);
});

test('less than an R2T asked for, or more, is an incorrect amount of data (RFC 7143 §11.4.7.2, §11.8)', async () => {
  await using served = await serveTarget();
  const raw = await served.login({ ...solicitedOnly, MaxBurstLength: '1024' });
  for (const length of [0, 512, 1536]) {
    const tag = raw.command(write(4), { direction: 'write', length: 4 * BLOCK });
    const { targetTransferTag } = await r2t(raw);
    raw.dataOut(tag, pattern(length), { targetTransferTag, dataSN: 0, bufferOffset: 0, final: true });
    const { status, sense } = await raw.result(tag);
    assert.equal(status, Status.checkCondition);
    assert.deepEqual(senseOf(sense), [0x0b, 0x0c0d], `${length} bytes`);
  }
});

test('data PDUs that are out of order, overlap or leave a gap fail the WRITE at level 0 (RFC 7143 §7.9, §11.7.6)', async () => {
  const device = new MemoryDevice(64 * BLOCK);
  await using served = await serveTarget({ device });
  const raw = await served.login(solicitedOnly);
  const rows: [dataSN: number, offset: number][][] = [
    [
      [1, 512],
      [0, 0],
    ],
    [
      [0, 0],
      [0, 512],
    ],
    [
      [0, 0],
      [2, 512],
    ],
    [
      [0, 0],
      [1, 256],
    ],
    [
      [0, 0],
      [1, 1024],
    ],
    [
      [0, 4],
      [1, 516],
    ],
    [
      [27, 0],
      [28, 512],
    ],
    [
      [0xffff_ffff, 0],
      [0, 512],
    ],
  ];
  for (const row of rows) {
    const tag = raw.command(write(2), { direction: 'write', length: 2 * BLOCK });
    const { targetTransferTag } = await r2t(raw);
    for (const [index, [dataSN, bufferOffset]] of row.entries()) {
      raw.dataOut(tag, Buffer.alloc(BLOCK, 9), { targetTransferTag, dataSN, bufferOffset, final: index === 1 });
    }
    const { status, sense } = await raw.result(tag);
    assert.equal(status, Status.checkCondition, JSON.stringify(row));
    assert.deepEqual(senseOf(sense), [0x0b, 0x4705]);
  }
  assert.ok(Buffer.concat(device.read(0, 4 * BLOCK)).every((byte) => byte === 0));
});

test('PDUs without data are taken, and numbered (RFC 7143 §11.7.7)', async () => {
  const device = new MemoryDevice(64 * BLOCK);
  await using served = await serveTarget({ device });
  const raw = await served.login(solicitedOnly);
  const data = pattern(2 * BLOCK);
  const tag = raw.command(write(2), { direction: 'write', length: data.length });
  const { targetTransferTag } = await r2t(raw);
  const send = (dataSN: number, from: number, to: number, final = false): void =>
    raw.dataOut(tag, data.subarray(from, to), { targetTransferTag, dataSN, bufferOffset: from, final });
  send(0, 0, 0);
  send(1, 0, 512);
  send(2, 512, 512);
  send(3, 512, 1024);
  send(4, 1024, 1024, true);
  assert.equal((await raw.result(tag)).status, Status.good);
  assert.deepEqual(Buffer.concat(device.read(0, data.length)), data);
});

test('a WRITE that fails says so when the last data that is due has come, not before (RFC 7143 §11.4.2)', async () => {
  await using served = await serveTarget();
  const raw = await served.login({ ...solicitedOnly, MaxOutstandingR2T: '2', MaxBurstLength: '512' });
  const tag = raw.command(write(2), { direction: 'write', length: 2 * BLOCK });
  const [first, second] = [await r2t(raw), await r2t(raw)];
  raw.dataOut(tag, Buffer.alloc(8), {
    targetTransferTag: first.targetTransferTag,
    dataSN: 5,
    bufferOffset: 0,
    final: true,
  });
  const ping = raw.ping();
  assert.equal(ScsiResponse.view((await raw.expect(Opcode.nopIn)).header).initiatorTaskTag, ping);
  raw.dataOut(tag, Buffer.alloc(0), {
    targetTransferTag: second.targetTransferTag,
    dataSN: 0,
    bufferOffset: 512,
    final: true,
  });
  assert.equal((await raw.result(tag)).status, Status.checkCondition);
});

test('data for a task that is over is silently thrown away (RFC 7143 §10.7)', async () => {
  await using served = await serveTarget();
  const raw = await served.login(solicitedOnly);
  raw.dataOut(4711, pattern(512), { targetTransferTag: 1, dataSN: 0, bufferOffset: 0, final: true });
  const ping = raw.ping();
  assert.equal(ScsiResponse.view((await raw.expect(Opcode.nopIn)).header).initiatorTaskTag, ping);
});
