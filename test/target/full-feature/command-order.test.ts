/** CmdSN order, the window, and which commands count for it (RFC 7143 §4.2.2.1, §7.2.1, §7.3). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import { Opcode } from '../../../src/iscsi/opcode.ts';
import { NopIn, RejectReason, ScsiCommand, ScsiResponse } from '../../../src/iscsi/pdu.ts';
import { Status } from '../../../src/scsi/index.ts';
import { settled } from '../commands/asker.ts';
import { HeldDevice } from '../held-device.ts';
import { BLOCK, pattern, read, testUnitReady, write } from '../scsi-requests.ts';
import { serveTarget } from '../served-target.ts';

test('commands run in the order of their numbers, however they arrive', async () => {
  const device = new MemoryDevice(64 * BLOCK);
  await using served = await serveTarget({ device });
  const raw = await served.login();
  const send = (cmdSN: number, fill: number): number =>
    raw.command(write(1), { direction: 'write', length: BLOCK, immediateData: Buffer.alloc(BLOCK, fill), cmdSN });
  const tags = [send(raw.cmdSN + 2, 3), send(raw.cmdSN + 1, 2), send(raw.cmdSN, 1)];
  for (const tag of tags.toReversed()) assert.equal((await raw.result(tag)).status, Status.good);
  assert.equal(Buffer.concat(device.read(0, 1))[0], 3);
});

describe('a WRITE that comes early keeps the unsolicited data that follows it', () => {
  const data = pattern(8 * BLOCK);
  const keys = { InitialR2T: 'No', ImmediateData: 'Yes', FirstBurstLength: '4096' };

  test('on the connection that brings both', async () => {
    const device = new MemoryDevice(64 * BLOCK);
    await using served = await serveTarget({ device });
    const raw = await served.login(keys);
    const missing = raw.cmdSN;
    const length = data.length;
    const options = { direction: 'write', length, final: false, cmdSN: missing + 1 } as const;
    const tag = raw.command(write(8), { ...options, immediateData: data.subarray(0, 1000) });
    raw.dataOut(tag, data.subarray(1000, 3000), { dataSN: 0, bufferOffset: 1000, final: false });
    raw.dataOut(tag, data.subarray(3000), { dataSN: 1, bufferOffset: 3000, final: true });
    await settled();
    const first = raw.command(testUnitReady, { cmdSN: missing });
    assert.equal((await raw.result(first)).status, Status.good);
    assert.equal((await raw.result(tag)).status, Status.good);
    assert.deepEqual(Buffer.concat(device.read(0, data.length)), data);
  });

  test('also when the command comes first and the rest of its data last', async () => {
    const device = new MemoryDevice(64 * BLOCK);
    await using served = await serveTarget({ device });
    const raw = await served.login(keys);
    const missing = raw.cmdSN;
    const tag = raw.command(write(8), { direction: 'write', length: data.length, final: false, cmdSN: missing + 1 });
    raw.dataOut(tag, data.subarray(0, 2048), { dataSN: 0, bufferOffset: 0, final: false });
    const first = raw.command(testUnitReady, { cmdSN: missing });
    assert.equal((await raw.result(first)).status, Status.good);
    raw.dataOut(tag, data.subarray(2048), { dataSN: 1, bufferOffset: 2048, final: true });
    assert.equal((await raw.result(tag)).status, Status.good);
    assert.deepEqual(Buffer.concat(device.read(0, data.length)), data);
  });

  test('up to FirstBurstLength: what goes beyond it fails the WRITE, not the memory', async () => {
    const device = new MemoryDevice(64 * BLOCK);
    await using served = await serveTarget({ device });
    const raw = await served.login(keys);
    const missing = raw.cmdSN;
    const tag = raw.command(write(64), {
      direction: 'write',
      length: 64 * BLOCK,
      final: false,
      cmdSN: missing + 1,
    });
    for (let dataSN = 0; dataSN < 64; dataSN++) {
      raw.dataOut(tag, Buffer.alloc(BLOCK, 1), { dataSN, bufferOffset: dataSN * BLOCK, final: dataSN === 63 });
    }
    const first = raw.command(testUnitReady, { cmdSN: missing });
    assert.equal((await raw.result(first)).status, Status.good);
    assert.equal((await raw.result(tag)).status, Status.checkCondition);
    assert.equal(Buffer.concat(device.read(0, 1))[0], 0);
  });
});

test('who floods the target with data for a command that waits loses the session', async () => {
  await using served = await serveTarget();
  const raw = await served.login({ InitialR2T: 'No', FirstBurstLength: '512' });
  const tag = raw.command(write(64), { direction: 'write', length: 64 * BLOCK, final: false, cmdSN: raw.cmdSN + 1 });
  for (let dataSN = 0; dataSN < 2000; dataSN++) {
    raw.dataOut(tag, Buffer.alloc(BLOCK), { dataSN, bufferOffset: 0, final: false });
  }
  await raw.closed;
  assert.equal(served.target.sessions.size, 0);
});

test('numbers outside the window, and those that have come before, are silently ignored', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  const start = raw.cmdSN;
  await raw.run(testUnitReady);
  for (const cmdSN of [start, start - 1, raw.cmdSN + 128, raw.cmdSN - 2 ** 31]) {
    raw.command(testUnitReady, { cmdSN: cmdSN >>> 0 });
  }
  raw.command(testUnitReady, { cmdSN: raw.cmdSN + 1, initiatorTaskTag: 500 });
  raw.command(testUnitReady, { cmdSN: raw.cmdSN + 1, initiatorTaskTag: 501 });
  const tag = raw.command(testUnitReady);
  assert.equal((await raw.result(tag)).status, Status.good);
  assert.equal((await raw.result(500)).status, Status.good, 'the first of two that came early');
  raw.cmdSN += 1;
  const ping = raw.ping();
  assert.equal(NopIn.view((await raw.expect(Opcode.nopIn)).header).initiatorTaskTag, ping, 'and nothing else');
});

test('the last number of the window is taken, also where the numbers wrap', async () => {
  await using served = await serveTarget();
  const raw = await served.connect();
  raw.cmdSN = 0xffff_ffc0;
  await raw.login({ targetName: 'iqn.2026-11.internal.test:target' });
  const last = (raw.cmdSN + 127) >>> 0;
  raw.command(testUnitReady, { cmdSN: last, initiatorTaskTag: 900 });
  for (let count = 0; count < 127; count++) assert.equal((await raw.run(testUnitReady)).status, Status.good);
  assert.equal((await raw.result(900)).status, Status.good);
});

test('immediate commands run at once, whatever is missing, and take no number', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  const { cmdSN } = raw;
  raw.command(testUnitReady, { cmdSN: cmdSN + 1, initiatorTaskTag: 700 });
  const immediate = raw.command(testUnitReady, { immediate: true });
  const { pdus } = await raw.result(immediate);
  const [response] = pdus;
  assert.ok(response);
  assert.equal(ScsiResponse.view(response.header).expCmdSN, cmdSN);
  // RFC 7143 §4.2.2.1: the CmdSN of an immediate command may lie outside the window.
  const far = raw.command(testUnitReady, { immediate: true, cmdSN: cmdSN + 5000 });
  assert.equal((await raw.result(far)).status, Status.good);
  const first = raw.command(testUnitReady);
  assert.equal((await raw.result(first)).status, Status.good);
  assert.equal((await raw.result(700)).status, Status.good);
});

test('the window closes while commands are under way, and never falls', async () => {
  const device = new HeldDevice(256 * BLOCK);
  await using served = await serveTarget({ device });
  const raw = await served.login();
  const start = raw.cmdSN;
  for (let count = 0; count < 128; count++) raw.command(read(1), { length: BLOCK });
  await device.holding(128);
  raw.ping();
  const full = NopIn.view((await raw.expect(Opcode.nopIn)).header);
  assert.deepEqual([full.expCmdSN, full.maxCmdSN], [start + 128, start + 127], 'MaxCmdSN = ExpCmdSN - 1: no more');
  raw.command(testUnitReady, { cmdSN: start + 128, initiatorTaskTag: 999 });
  device.releaseAll();
  let highest = full.maxCmdSN;
  for (let count = 0; count < 128; count++) {
    const pdu = await raw.expect(Opcode.dataIn);
    const { maxCmdSN } = ScsiResponse.view(pdu.header);
    assert.ok(maxCmdSN >= highest);
    highest = maxCmdSN;
  }
  assert.equal(highest, start + 255);
});

describe('the number of a rejected command is not received (RFC 7143 §7.3)', () => {
  test('a task tag that is in use, with another number', async () => {
    const device = new HeldDevice(64 * BLOCK);
    await using served = await serveTarget({ device });
    const raw = await served.login();
    const tag = raw.command(read(1), { length: BLOCK });
    await device.holding(1);
    const { cmdSN } = raw;
    raw.command(read(1), { length: BLOCK, initiatorTaskTag: tag, cmdSN });
    const rejected = await raw.rejection();
    assert.equal(rejected.reason, RejectReason.taskInProgress);
    assert.equal(ScsiCommand.view(rejected.header).cmdSN, cmdSN);
    raw.ping();
    assert.equal(NopIn.view((await raw.expect(Opcode.nopIn)).header).expCmdSN, cmdSN);
    device.releaseAll();
    assert.equal((await raw.result(tag)).status, Status.good);
    // The hole is filled by a command of the same number.
    assert.equal((await raw.run(testUnitReady)).status, Status.good);
  });

  test('an opcode that does not exist, with a number or without', async () => {
    await using served = await serveTarget();
    const raw = await served.login();
    for (const opcode of [0x07, 0x0f, 0x1c, 0x1d, 0x1e, 0x1f, Opcode.nopIn, Opcode.reject]) {
      raw.send(ScsiCommand.encode({ opcode, final: true, initiatorTaskTag: 5, cmdSN: raw.cmdSN }));
      const { reason, header } = await raw.rejection();
      assert.equal(reason, RejectReason.commandNotSupported, `opcode ${opcode}`);
      assert.equal((header[0] ?? 0) & 0x3f, opcode);
    }
    assert.equal((await raw.run(testUnitReady)).status, Status.good);
  });

  test('of two that are rejected early, those behind them wait', async () => {
    const device = new HeldDevice(64 * BLOCK);
    await using served = await serveTarget({ device });
    const raw = await served.login();
    const tag = raw.command(read(1), { length: BLOCK });
    await device.holding(1);
    const { cmdSN } = raw;
    raw.command(testUnitReady, { cmdSN: cmdSN + 2, initiatorTaskTag: 800 });
    raw.command(read(1), { cmdSN: cmdSN + 1, initiatorTaskTag: tag, length: BLOCK });
    raw.command(testUnitReady, { cmdSN, initiatorTaskTag: 801 });
    assert.equal((await raw.result(801)).status, Status.good);
    assert.equal((await raw.rejection()).reason, RejectReason.taskInProgress);
    raw.command(testUnitReady, { cmdSN: cmdSN + 1, initiatorTaskTag: 802 });
    assert.equal((await raw.result(802)).status, Status.good);
    assert.equal((await raw.result(800)).status, Status.good);
    device.releaseAll();
  });
});

test('a retry of a command that has come is ignored, whether it runs or has run (RFC 7143 §7.2.1)', async () => {
  const device = new HeldDevice(64 * BLOCK);
  await using served = await serveTarget({ device });
  const raw = await served.login();
  const { cmdSN } = raw;
  const tag = raw.command(read(1), { length: BLOCK });
  await device.holding(1);
  raw.command(read(1), { length: BLOCK, initiatorTaskTag: tag, cmdSN });
  device.releaseAll();
  assert.equal((await raw.result(tag)).status, Status.good);
  raw.command(read(1), { length: BLOCK, initiatorTaskTag: tag, cmdSN });
  const ping = raw.ping();
  assert.equal(NopIn.view((await raw.expect(Opcode.nopIn)).header).initiatorTaskTag, ping);
  assert.equal(device.held.length, 0);
});
