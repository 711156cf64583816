/** SNACK Requests: what they bring again, exactly, and what they cannot have (RFC 7143 §11.16). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import {
  DataIn,
  NopIn,
  ReadyToTransfer,
  Reject,
  RejectReason,
  ScsiResponse,
  SnackType,
} from '../../../src/iscsi/pdu.ts';
import type { Pdu } from '../../../src/iscsi/pdu-reader.ts';
import { encodeLun, Status } from '../../../src/scsi/index.ts';
import { settled } from '../commands/asker.ts';
import type { RawInitiator } from '../raw-initiator.ts';
import { BLOCK, pattern, read, testUnitReady, write } from '../scsi-requests.ts';
import { type ServedTarget, serveTarget } from '../served-target.ts';

const { dataOrR2T, status: statusType, dataAck, rData } = SnackType;

async function atLevelOne(served: ServedTarget, keys: Readonly<Record<string, string>> = {}): Promise<RawInitiator> {
  return served.login({ ErrorRecoveryLevel: '1', MaxRecvDataSegmentLength: '512', ...keys });
}

/** A READ of four PDUs whose status is not acknowledged. */
async function unacknowledgedRead(raw: RawInitiator): Promise<{ tag: number; pdus: readonly Pdu[] }> {
  const { expStatSN } = raw;
  const tag = raw.command(read(4), { length: 4 * BLOCK });
  const { pdus } = await raw.result(tag);
  raw.expStatSN = expStatSN;
  return { tag, pdus };
}

async function rejected(raw: RawInitiator): Promise<{ reason: number; dataSN: number }> {
  const { reason, dataSN } = Reject.view((await raw.expect(Opcode.reject)).header);
  return { reason, dataSN };
}

/** All of a header but what must be current: ExpCmdSN and MaxCmdSN. */
const kept = ({ header }: Pdu): number[] => [...header.subarray(0, 28), ...header.subarray(36)];

describe('Data SNACK', () => {
  for (const [what, begRun, runLength, expected] of [
    ['one PDU', 2, 1, [2]],
    ['a run', 1, 2, [1, 2]],
    ['from one on: RunLength 0', 2, 0, [2, 3]],
    ['everything: both 0', 0, 0, [0, 1, 2, 3]],
  ] as const) {
    test(`${what}: exact replicas, with the current window (RFC 7143 §11.16)`, async () => {
      const device = new MemoryDevice(64 * BLOCK);
      device.write(0, [pattern(4 * BLOCK)]);
      await using served = await serveTarget({ device });
      const raw = await atLevelOne(served);
      const { tag, pdus } = await unacknowledgedRead(raw);
      // Moves the window without acknowledging anything.
      raw.command(testUnitReady);
      await raw.expect(Opcode.scsiResponse);
      raw.snack({ type: dataOrR2T, initiatorTaskTag: tag, begRun, runLength });
      for (const dataSN of expected) {
        const again = await raw.expect(Opcode.dataIn);
        const original = pdus[dataSN] ?? assert.fail();
        assert.deepEqual(kept(again), kept(original));
        assert.deepEqual(Buffer.concat(again.data), Buffer.concat(original.data));
        assert.equal(DataIn.view(again.header).expCmdSN, raw.cmdSN);
      }
      const ping = raw.ping();
      assert.equal(NopIn.view((await raw.expect(Opcode.nopIn)).header).initiatorTaskTag, ping, 'and no more');
    });
  }

  test('what was never sent is a protocol error, with the number that would come next (RFC 7143 §11.17.2)', async () => {
    await using served = await serveTarget();
    const raw = await atLevelOne(served);
    const { tag } = await unacknowledgedRead(raw);
    for (const [begRun, runLength] of [
      [4, 1],
      [3, 2],
      [100, 0],
      [0, 5],
    ] as const) {
      raw.snack({ type: dataOrR2T, initiatorTaskTag: tag, begRun, runLength });
      assert.deepEqual(
        await rejected(raw),
        { reason: RejectReason.protocolError, dataSN: 4 },
        `${begRun}, ${runLength}`,
      );
    }
    raw.snack({ type: dataOrR2T, initiatorTaskTag: 4711, begRun: 0, runLength: 1 });
    assert.deepEqual(await rejected(raw), { reason: RejectReason.protocolError, dataSN: 0 }, 'no such task');
  });

  test('what was acknowledged with its status is a protocol error (RFC 7143 §11.16)', async () => {
    await using served = await serveTarget();
    const raw = await atLevelOne(served);
    const { tag } = await unacknowledgedRead(raw);
    raw.expStatSN += 1;
    raw.snack({ type: dataOrR2T, initiatorTaskTag: tag, begRun: 0, runLength: 1 });
    assert.equal((await rejected(raw)).reason, RejectReason.protocolError);
  });
});

test('an R2T SNACK brings the R2T again, with the current StatSN (RFC 7143 §11.16)', async () => {
  const device = new MemoryDevice(64 * BLOCK);
  await using served = await serveTarget({ device });
  const raw = await atLevelOne(served, { ImmediateData: 'No' });
  const data = pattern(2 * BLOCK);
  const tag = raw.command(write(2), { direction: 'write', length: data.length });
  const first = await raw.expect(Opcode.readyToTransfer);
  raw.ping();
  const { statSN } = NopIn.view((await raw.expect(Opcode.nopIn)).header);
  raw.snack({ type: dataOrR2T, initiatorTaskTag: tag, begRun: 0, runLength: 1 });
  const again = await raw.expect(Opcode.readyToTransfer);
  const [one, two] = [first, again].map(({ header }) => ReadyToTransfer.view(header));
  assert.ok(one && two);
  assert.equal(two.statSN, statSN + 1);
  assert.deepEqual([...again.header.subarray(36)], [...first.header.subarray(36)]);
  assert.deepEqual([two.targetTransferTag, two.initiatorTaskTag], [one.targetTransferTag, tag]);
  raw.snack({ type: dataOrR2T, initiatorTaskTag: tag, begRun: 1, runLength: 1 });
  assert.deepEqual(await rejected(raw), { reason: RejectReason.protocolError, dataSN: 1 });
  raw.sendSequence(tag, data, two.targetTransferTag, 0, data.length, BLOCK);
  assert.equal((await raw.result(tag)).status, Status.good);
});

describe('Status SNACK', () => {
  test('brings numbered responses again, as they were: one, a run, all (RFC 7143 §11.16.1)', async () => {
    await using served = await serveTarget();
    const raw = await atLevelOne(served);
    const { expStatSN } = raw;
    const originals: Pdu[] = [];
    raw.ping(pattern(4));
    originals.push(await raw.expect(Opcode.nopIn));
    raw.command(testUnitReady);
    originals.push(await raw.expect(Opcode.scsiResponse));
    raw.command(read(1, 0x7fff_ffff), { length: BLOCK });
    originals.push(await raw.expect(Opcode.scsiResponse));
    for (const [begRun, runLength, expected] of [
      [expStatSN + 1, 1, originals.slice(1, 2)],
      [expStatSN, 2, originals.slice(0, 2)],
      [expStatSN + 1, 0, originals.slice(1)],
      [0, 0, originals],
    ] as const) {
      raw.snack({ type: statusType, begRun, runLength });
      for (const original of expected) {
        const again = await raw.next();
        assert.ok(again);
        assert.deepEqual(kept(again), kept(original));
        assert.deepEqual(Buffer.concat(again.data), Buffer.concat(original.data));
      }
    }
  });

  test('what was acknowledged or never sent is a protocol error (RFC 7143 §11.16)', async () => {
    await using served = await serveTarget();
    const raw = await atLevelOne(served);
    await raw.run(testUnitReady);
    for (const [begRun, runLength] of [
      [raw.expStatSN - 1, 1],
      [raw.expStatSN, 1],
      [raw.expStatSN + 10, 0],
    ] as const) {
      raw.snack({ type: statusType, begRun, runLength });
      assert.equal((await rejected(raw)).reason, RejectReason.protocolError);
      raw.expStatSN += 1;
    }
  });
});

describe('DataACK (RFC 7143 §11.7.2, §11.16.2)', () => {
  const keys = { MaxBurstLength: '512' };

  test('is asked for at the end of a burst, with a tag and the LUN, at most once a MaxBurstLength', async () => {
    await using served = await serveTarget({ units: new Map([[3, new MemoryDevice(64 * BLOCK)]]) });
    const raw = await atLevelOne(served, { MaxBurstLength: '1024' });
    const { pdus } = await raw.result(raw.command(read(5), { length: 5 * BLOCK, lun: 3 }));
    const asked = pdus.map(({ header }) => DataIn.view(header)).filter(({ acknowledge }) => acknowledge);
    assert.deepEqual(
      asked.map(({ dataSN, final }) => [dataSN, final]),
      [
        [1, true],
        [3, true],
      ],
    );
    for (const { targetTransferTag, lun } of asked) {
      assert.notEqual(targetTransferTag, RESERVED_TAG);
      assert.deepEqual([...lun], [...encodeLun(3)]);
    }
  });

  test('is never asked for at level 0', async () => {
    await using served = await serveTarget();
    const raw = await served.login({ MaxRecvDataSegmentLength: '512', MaxBurstLength: '512' });
    const { pdus } = await raw.run(read(4), { length: 4 * BLOCK });
    assert.ok(pdus.every(({ header }) => !DataIn.view(header).acknowledge));
  });

  test('frees what it acknowledges: that cannot be had again', async () => {
    await using served = await serveTarget();
    const raw = await atLevelOne(served, keys);
    const { tag, pdus } = await unacknowledgedRead(raw);
    const { targetTransferTag } = DataIn.view(pdus[1]?.header ?? new Uint8Array());
    raw.snack({ type: dataAck, targetTransferTag, begRun: 2, runLength: 0 });
    raw.snack({ type: dataOrR2T, initiatorTaskTag: tag, begRun: 1, runLength: 1 });
    assert.equal((await rejected(raw)).reason, RejectReason.protocolError);
    raw.snack({ type: dataOrR2T, initiatorTaskTag: tag, begRun: 0, runLength: 0 });
    assert.equal(DataIn.view((await raw.expect(Opcode.dataIn)).header).dataSN, 2, 'all that is not acknowledged');
    assert.equal(DataIn.view((await raw.expect(Opcode.dataIn)).header).dataSN, 3);
  });

  test('may come with the acknowledgement of the status', async () => {
    await using served = await serveTarget();
    const raw = await atLevelOne(served, keys);
    const { pdus } = await unacknowledgedRead(raw);
    const { targetTransferTag } = DataIn.view(pdus[1]?.header ?? new Uint8Array());
    raw.expStatSN += 1;
    raw.snack({ type: dataAck, targetTransferTag, begRun: 2, runLength: 0 });
    const ping = raw.ping();
    assert.equal(NopIn.view((await raw.expect(Opcode.nopIn)).header).initiatorTaskTag, ping);
  });

  test('of a tag that was not given, of data that was not sent, or with a RunLength, is invalid', async () => {
    await using served = await serveTarget();
    const raw = await atLevelOne(served, keys);
    const { tag, pdus } = await unacknowledgedRead(raw);
    const [first, second] = pdus.map(({ header }) => DataIn.view(header).targetTransferTag);
    assert.ok(first !== undefined && second !== undefined);
    for (const values of [
      { targetTransferTag: 999_999, begRun: 1, runLength: 0 },
      { targetTransferTag: RESERVED_TAG, begRun: 1, runLength: 0 },
      { targetTransferTag: first, begRun: 5, runLength: 0 },
      { targetTransferTag: second, begRun: 2, runLength: 1 },
    ]) {
      raw.snack({ type: dataAck, ...values });
      assert.equal((await rejected(raw)).reason, RejectReason.invalidDataAck, JSON.stringify(values));
    }
    raw.snack({ type: dataOrR2T, initiatorTaskTag: tag, begRun: 0, runLength: 1 });
    assert.equal(DataIn.view((await raw.expect(Opcode.dataIn)).header).dataSN, 0, 'nothing was freed');
  });
});

describe('R-Data SNACK (RFC 7143 §11.16.3)', () => {
  test('brings the data again and a response with its tag, by the StatSN of the first', async () => {
    await using served = await serveTarget();
    const raw = await atLevelOne(served);
    const { tag, pdus } = await unacknowledgedRead(raw);
    const { statSN } = DataIn.view(pdus.at(-1)?.header ?? new Uint8Array());
    for (const targetTransferTag of [77, 78]) {
      raw.snack({ type: rData, initiatorTaskTag: tag, targetTransferTag, begRun: 0, runLength: 0 });
      for (let dataSN = 0; dataSN < 4; dataSN++) {
        const view = DataIn.view((await raw.expect(Opcode.dataIn)).header);
        assert.deepEqual([view.dataSN, view.hasStatus], [dataSN, false]);
      }
      const response = ScsiResponse.view((await raw.expect(Opcode.scsiResponse)).header);
      assert.deepEqual([response.snackTag, response.statSN, response.expDataSN], [targetTransferTag, statSN, 4]);
    }
    // The lost response is asked for by its number: the latest comes.
    raw.snack({ type: statusType, begRun: statSN, runLength: 1 });
    assert.equal(ScsiResponse.view((await raw.expect(Opcode.scsiResponse)).header).snackTag, 78);
  });

  test('a run, or a tag that is none, is a protocol error (RFC 7143 §11.16.5, §11.16.6)', async () => {
    await using served = await serveTarget();
    const raw = await atLevelOne(served);
    const { tag } = await unacknowledgedRead(raw);
    for (const values of [
      { targetTransferTag: 0, begRun: 0, runLength: 0 },
      { targetTransferTag: RESERVED_TAG, begRun: 0, runLength: 0 },
      { targetTransferTag: 5, begRun: 1, runLength: 0 },
      { targetTransferTag: 5, begRun: 0, runLength: 1 },
    ]) {
      raw.snack({ type: rData, initiatorTaskTag: tag, ...values });
      assert.equal((await rejected(raw)).reason, RejectReason.protocolError, JSON.stringify(values));
    }
    raw.snack({ type: rData, initiatorTaskTag: 4711, targetTransferTag: 5, begRun: 0, runLength: 0 });
    assert.equal((await rejected(raw)).reason, RejectReason.protocolError);
  });
});

test('types that do not exist are a protocol error (RFC 7143 §11.16.1)', async () => {
  await using served = await serveTarget();
  const raw = await atLevelOne(served);
  for (let type = 4; type < 16; type++) {
    raw.snack({ type, begRun: 0, runLength: 0 });
    assert.equal((await rejected(raw)).reason, RejectReason.protocolError);
  }
  await settled();
  assert.equal((await raw.run(testUnitReady)).status, Status.good);
});
