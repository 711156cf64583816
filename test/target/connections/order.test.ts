/** One order of commands over several connections, and the numbers that are each connection's own (RFC 7143 §4.2.2, §4.2.5). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import { Opcode } from '../../../src/iscsi/opcode.ts';
import { NopIn, ReadyToTransfer, RejectReason, ScsiResponse } from '../../../src/iscsi/pdu.ts';
import { Status } from '../../../src/scsi/index.ts';
import { settled } from '../commands/asker.ts';
import { HeldDevice } from '../held-device.ts';
import type { RawInitiator } from '../raw-initiator.ts';
import { BLOCK, pattern, read, testUnitReady, write } from '../scsi-requests.ts';
import { type ServedTarget, serveTarget } from '../served-target.ts';

async function two(
  served: ServedTarget,
  keys: Readonly<Record<string, string>> = {},
): Promise<[RawInitiator, RawInitiator]> {
  const first = await served.login({ MaxConnections: '2', ...keys });
  const second = await served.login({}, { tsih: first.tsih, cid: 2 });
  return [first, second];
}

test('commands run in the order of their numbers, whichever connection brings them (RFC 7143 §4.2.2.1)', async () => {
  const device = new MemoryDevice(64 * BLOCK);
  await using served = await serveTarget({ device });
  const [first, second] = await two(served);
  const { cmdSN } = first;
  const fill = (raw: RawInitiator, number: number, value: number): number =>
    raw.command(write(1), {
      direction: 'write',
      length: BLOCK,
      immediateData: Buffer.alloc(BLOCK, value),
      cmdSN: number,
      initiatorTaskTag: number,
    });
  fill(second, cmdSN + 1, 2);
  fill(second, cmdSN + 3, 4);
  fill(first, cmdSN + 2, 3);
  await settled();
  assert.equal(Buffer.concat(device.read(0, 1))[0], 0, 'nothing before its turn');
  fill(first, cmdSN, 1);
  for (const [raw, tag] of [
    [first, cmdSN],
    [second, cmdSN + 1],
    [first, cmdSN + 2],
    [second, cmdSN + 3],
  ] as const) {
    assert.equal((await raw.result(tag)).status, Status.good, 'each is answered where it came (§4.2.5.1)');
  }
  assert.equal(Buffer.concat(device.read(0, 1))[0], 4);
});

test('a WRITE and its unsolicited data may be ahead of a command on the other connection (RFC 7143 §4.2.5.2)', async () => {
  const device = new MemoryDevice(64 * BLOCK);
  await using served = await serveTarget({ device });
  const [first, second] = await two(served, { InitialR2T: 'No' });
  const data = pattern(4 * BLOCK);
  const { cmdSN } = first;
  const tag = second.command(write(4), {
    direction: 'write',
    length: data.length,
    final: false,
    cmdSN: cmdSN + 1,
    initiatorTaskTag: 70,
  });
  second.dataOut(tag, data, { dataSN: 0, bufferOffset: 0, final: true });
  await settled();
  assert.equal((await first.run(testUnitReady, { cmdSN })).status, Status.good);
  assert.equal((await second.result(tag)).status, Status.good);
  assert.deepEqual(Buffer.concat(device.read(0, data.length)), data);
});

test('StatSN is each connection’s own (RFC 7143 §4.2.2.2)', async () => {
  await using served = await serveTarget();
  const [first, second] = await two(served);
  const [start, other] = [first.expStatSN, second.expStatSN];
  for (let count = 0; count < 5; count++) {
    first.ping();
    assert.equal(NopIn.view((await first.expect(Opcode.nopIn)).header).statSN, start + count);
  }
  second.ping();
  assert.equal(NopIn.view((await second.expect(Opcode.nopIn)).header).statSN, other);
});

test('the window is one: every connection tells it (RFC 7143 §4.2.2.1)', async () => {
  await using served = await serveTarget();
  const [first, second] = await two(served);
  for (let count = 0; count < 3; count++) await first.run(testUnitReady);
  second.ping();
  const { expCmdSN, maxCmdSN } = NopIn.view((await second.expect(Opcode.nopIn)).header);
  assert.deepEqual([expCmdSN, maxCmdSN], [first.cmdSN, first.cmdSN + 127]);
});

test('task tags are the session’s: one that is in use on one connection cannot be used on another (RFC 7143 §4.2.1, §11.2.1.8)', async () => {
  const device = new HeldDevice(64 * BLOCK);
  await using served = await serveTarget({ device });
  const [first, second] = await two(served);
  const tag = first.command(read(1), { length: BLOCK });
  await device.holding(1);
  second.cmdSN = first.cmdSN;
  second.command(read(1), { length: BLOCK, initiatorTaskTag: tag });
  assert.equal((await second.rejection()).reason, RejectReason.taskInProgress);
  device.releaseAll();
  assert.equal((await first.result(tag)).status, Status.good);
});

test('data follows its command on the same connection: on another it is a protocol error (RFC 7143 §4.2.5.1)', async () => {
  const device = new MemoryDevice(64 * BLOCK);
  await using served = await serveTarget({ device });
  const [first, second] = await two(served, { ImmediateData: 'No' });
  const data = pattern(BLOCK);
  const tag = first.command(write(1), { direction: 'write', length: BLOCK });
  const { targetTransferTag } = ReadyToTransfer.view((await first.expect(Opcode.readyToTransfer)).header);
  const values = { targetTransferTag, dataSN: 0, bufferOffset: 0, final: true };
  second.dataOut(tag, Buffer.alloc(BLOCK, 9), values);
  assert.equal((await second.rejection()).reason, RejectReason.protocolError);
  first.dataOut(tag, data, values);
  assert.equal((await first.result(tag)).status, Status.good);
  assert.deepEqual(Buffer.concat(device.read(0, BLOCK)), data);
});

test('every connection may have an immediate command under way, however many others have (RFC 7143 §4.2.2.1)', async () => {
  const device = new HeldDevice(64 * BLOCK);
  await using served = await serveTarget({ device });
  const [first, second] = await two(served);
  let accepted = 0;
  for (let count = 0; count < 64; count++) first.command(read(1), { length: BLOCK, immediate: true });
  await settled();
  accepted = device.held.length;
  assert.ok(accepted > 0 && accepted < 64, 'bounded');
  second.command(read(1), { length: BLOCK, immediate: true, initiatorTaskTag: 900 });
  await device.holding(accepted + 1);
  device.releaseAll();
  assert.equal((await second.result(900)).status, Status.good);
});

test('each connection has its own segment length (RFC 7143 §13.12)', async () => {
  await using served = await serveTarget();
  const first = await served.login({ MaxConnections: '2', MaxRecvDataSegmentLength: '512' });
  const second = await served.login({ MaxRecvDataSegmentLength: '1024' }, { tsih: first.tsih, cid: 2 });
  const short = await first.run(read(4), { length: 4 * BLOCK });
  second.cmdSN = first.cmdSN;
  const long = await second.run(read(4), { length: 4 * BLOCK });
  assert.deepEqual([short.pdus.length, long.pdus.length], [4, 2]);
});

test('commands that were waiting on a connection that is lost leave holes, which others fill (RFC 7143 §11.14)', async () => {
  await using served = await serveTarget();
  const [first, second] = await two(served);
  const { cmdSN } = first;
  second.command(testUnitReady, { cmdSN: cmdSN + 1, initiatorTaskTag: 80 });
  await settled();
  second.tcp.destroy();
  await first.expect(Opcode.asyncMessage);
  first.expStatSN += 1;
  const tag = first.command(testUnitReady, { cmdSN });
  const answer = ScsiResponse.view((await first.expect(Opcode.scsiResponse)).header);
  assert.deepEqual([answer.initiatorTaskTag, answer.expCmdSN], [tag, cmdSN + 1], 'the hole');
  first.command(testUnitReady, { cmdSN: cmdSN + 1, initiatorTaskTag: 80 });
  await first.result(80);
  first.cmdSN = cmdSN + 2;
  assert.equal((await first.run(testUnitReady)).status, Status.good);
});
