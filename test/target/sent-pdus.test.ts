/** What a connection keeps to send it again: within its bound, whatever the initiator does not acknowledge (RFC 7143 §11.16). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { Opcode } from '../../src/iscsi/opcode.ts';
import {
  DataIn,
  NopIn,
  ReadyToTransfer,
  Reject,
  RejectReason,
  ScsiResponse,
  SnackType,
  TaskManagementFunction,
  TaskManagementResponseCode,
} from '../../src/iscsi/pdu.ts';
import { shortLivedBuffer } from '../../src/os/short-lived-memory.ts';
import { decodeSense, Status, Transfer10Cdb } from '../../src/scsi/index.ts';
import { SentPdus } from '../../src/target/sent-pdus.ts';
import { payloadInUse } from '../fuzz/memory-in-use.ts';
import type { RawInitiator } from './raw-initiator.ts';
import { type ServedTarget, serveTarget, TARGET } from './served-target.ts';

const BLOCK = 512;
const LIMIT = 16 << 20;
const keys = { ErrorRecoveryLevel: '2', MaxRecvDataSegmentLength: '1048576', DefaultTime2Retain: '20' };
const read = (blocks: number) => Transfer10Cdb.encode({ operationCode: 0x28, transferLength: blocks });

async function connect(served: ServedTarget, from?: RawInitiator): Promise<RawInitiator> {
  const initiator = await served.connect();
  if (from === undefined) await initiator.login({ targetName: TARGET, keys });
  else {
    initiator.cmdSN = from.cmdSN;
    await initiator.login({ targetName: TARGET, tsih: from.tsih });
  }
  return initiator;
}

type Sent = { readonly kind: 'data' | 'r2t' | 'status' | 'ping'; readonly tag: number; readonly length: number };

test('whatever is sent and acknowledged or not, no more is kept than 16 MiB', () => {
  const sent = fc.record<Sent>({
    kind: fc.constantFrom('data', 'r2t', 'status', 'ping'),
    tag: fc.nat(20),
    length: fc.constantFrom(0, 1, 300, 65_536, 1 << 20),
  });
  const buffer = new Uint8Array(1 << 20);
  fc.assert(
    fc.property(fc.array(sent, { size: 'max', maxLength: 200 }), fc.nat(200), (all, acknowledged) => {
      const kept = new SentPdus();
      let statSN = 0;
      all.forEach(({ kind, tag: initiatorTaskTag, length }, index) => {
        const data = length === 0 ? [] : [buffer.subarray(0, length)];
        const numbers = { initiatorTaskTag, statSN };
        if (kind === 'data')
          kept.keep(DataIn.encode({ opcode: Opcode.dataIn, initiatorTaskTag, dataSN: index }), data, false);
        else if (kind === 'r2t') {
          kept.keep(
            ReadyToTransfer.encode({ opcode: Opcode.readyToTransfer, initiatorTaskTag, r2tSN: index }),
            [],
            false,
          );
        } else {
          const isPing = kind === 'ping';
          const response = isPing
            ? NopIn.encode({ opcode: Opcode.nopIn, ...numbers })
            : ScsiResponse.encode({ opcode: Opcode.scsiResponse, ...numbers });
          kept.keep(response, isPing ? data : [], true);
          statSN += 1;
        }
        assert.ok(kept.payloadBytes <= LIMIT);
        if (index === acknowledged) kept.acknowledge(statSN);
      });
      for (let tag = 0; tag <= 20; tag++) kept.forget(tag);
      kept.acknowledge(statSN + 1);
      assert.equal(kept.payloadBytes, 0, 'all of it is let go');
    }),
    { numRuns: 60 },
  );
});

test('with the response that is given up goes everything that is kept for its task', () => {
  const kept = new SentPdus();
  const header = DataIn.encode({ opcode: Opcode.dataIn, hasStatus: true });
  for (let index = 0; index <= 4096; index++) {
    DataIn.write(header, 0, { initiatorTaskTag: index, statSN: index });
    kept.keep(header, [], true);
  }
  assert.equal(kept.run(0, 0, 0), RejectReason.protocolError, 'nothing of the oldest');
  assert.notEqual(typeof kept.run(1, 0, 0), 'number', 'all of the next');
  assert.equal(kept.responses(0, 1), RejectReason.snackReject);
  assert.equal(kept.responses(4097, 1), RejectReason.protocolError, 'that was never sent');
});

test('more than 16 MiB unacknowledged: the oldest cannot be had again (RFC 7143 §7.8)', async () => {
  await using served = await serveTarget({ device: new MemoryDevice(20 << 20) });
  const initiator = await connect(served);
  const { expStatSN } = initiator;
  const tag = initiator.command(read((20 << 20) / BLOCK), { length: 20 << 20 });
  assert.equal((await initiator.result(tag)).data.length, 20 << 20);
  initiator.expStatSN = expStatSN;
  initiator.snack({ type: SnackType.dataOrR2T, initiatorTaskTag: tag, begRun: 0, runLength: 1 });
  const { reason } = Reject.view((await initiator.expect(Opcode.reject)).header);
  assert.equal(reason, RejectReason.snackReject);
  initiator.snack({ type: SnackType.dataOrR2T, initiatorTaskTag: tag, begRun: 19, runLength: 1 });
  assert.equal(DataIn.view((await initiator.expect(Opcode.dataIn)).header).dataSN, 19);
  initiator.tcp.destroy();
  await initiator.closed;
  const renewed = await connect(served, initiator);
  assert.equal(await reassign(renewed, tag), TaskManagementResponseCode.functionComplete);
  const { status, sense } = await renewed.result(tag);
  assert.deepEqual([status, decodeSense(sense)?.code], [Status.checkCondition, 0x1113], 'SNACK rejected');
});

test('of a task whose answer is kept, neither its data is, nor the chunk of the stream in which it came', async () => {
  await using served = await serveTarget();
  const initiator = await connect(served);
  const data = new Uint8Array(65_536);
  const cdb = Transfer10Cdb.encode({ operationCode: 0x2a, transferLength: 128 });
  const tag = initiator.command(cdb, { direction: 'write', length: data.length, immediateData: data });
  await initiator.result(tag);
  const [session] = served.portal.sessions;
  const task = session?.connections.open()[0]?.sent?.findAnswered(tag)?.task;
  assert.ok(task !== undefined);
  assert.deepEqual([task.dataOut, task.dataIn, task.transfer], [[], [], undefined]);
  assert.ok(task.cdb.buffer.byteLength < 1024 && task.lun.buffer.byteLength < 1024);
});

test('no more DataACKs are asked for than are remembered, and each that was asked for is taken (RFC 7143 §11.16.2)', async () => {
  const bursts = 1100;
  await using served = await serveTarget();
  const initiator = await served.connect();
  await initiator.login({ targetName: TARGET, keys: { ErrorRecoveryLevel: '1', MaxBurstLength: '512' } });
  const { expStatSN } = initiator;
  const { pdus } = await initiator.run(read(bursts), { length: bursts * BLOCK });
  initiator.expStatSN = expStatSN;
  const asking = pdus.map(({ header }) => DataIn.view(header)).filter(({ acknowledge }) => acknowledge);
  assert.ok(asking.length > 1000 && asking.length < bursts);
  for (const { targetTransferTag, dataSN } of asking) {
    initiator.snack({ type: SnackType.dataAck, targetTransferTag, begRun: dataSN + 1, runLength: 0 });
  }
  initiator.ping();
  await initiator.expect(Opcode.nopIn);
});

test('of connections that were lost one after the other, the last eight are kept for recovery (RFC 7143 §7.2.2)', async () => {
  await using served = await serveTarget();
  let initiator = await connect(served);
  const tags: number[] = [];
  for (let lost = 0; lost < 9; lost++) {
    const { expStatSN } = initiator;
    const tag = initiator.command(read(1), { length: BLOCK, initiatorTaskTag: 100 + lost });
    await initiator.result(tag);
    initiator.expStatSN = expStatSN;
    tags.push(tag);
    initiator = await connect(served, initiator);
  }
  const responses: number[] = [];
  for (const tag of tags.slice(0, 2)) responses.push(await reassign(initiator, tag));
  const { taskDoesNotExist, functionComplete } = TaskManagementResponseCode;
  assert.deepEqual(responses, [taskDoesNotExist, functionComplete]);
});

async function reassign(initiator: RawInitiator, tag: number): Promise<number> {
  initiator.manage(TaskManagementFunction.taskReassign, { referencedTaskTag: tag });
  return (await initiator.managed()).response;
}

test('what was read beside others does not keep their memory', () => {
  const sent = new SentPdus();
  const before = payloadInUse();
  for (let dataSN = 0; dataSN < 3000; dataSN++) {
    const header = DataIn.encode({ opcode: Opcode.dataIn, initiatorTaskTag: 1, statSN: 0, dataSN });
    sent.keep(header, [shortLivedBuffer(4096)], false);
    for (let other = 0; other < 15; other++) shortLivedBuffer(4096);
  }
  assert.ok(sent.payloadBytes > 3000 * 4096);
  const taken = payloadInUse() - before;
  assert.ok(taken < 2 * LIMIT, `${taken} bytes for ${sent.payloadBytes} of payload`);
});
