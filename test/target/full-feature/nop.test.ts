/** Pings both ways (RFC 7143 §11.18, §11.19). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import { NopIn, NopOut } from '../../../src/iscsi/pdu.ts';
import { decodeLun, encodeLun, Status } from '../../../src/scsi/index.ts';
import { BLOCK, pattern, testUnitReady } from '../scsi-requests.ts';
import { serveTarget } from '../served-target.ts';

test('a ping comes back with its tag and its data, takes a StatSN, and asks for nothing (RFC 7143 §11.19)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  for (const length of [0, 1, 8, 4096]) {
    const { expStatSN } = raw;
    const tag = raw.newTag();
    const fields = { opcode: Opcode.nopOut, immediate: true, final: true, targetTransferTag: RESERVED_TAG };
    const request = { ...fields, lun: encodeLun(3), initiatorTaskTag: tag, cmdSN: raw.cmdSN, expStatSN };
    raw.send(NopOut.encode(request), length === 0 ? [] : [pattern(length)]);
    const pdu = await raw.expect(Opcode.nopIn);
    const view = NopIn.view(pdu.header);
    assert.deepEqual([view.initiatorTaskTag, view.targetTransferTag, view.statSN], [tag, RESERVED_TAG, expStatSN]);
    assert.deepEqual(Buffer.concat(pdu.data), pattern(length));
    raw.expStatSN = view.statSN + 1;
    const { header } = pdu;
    assert.deepEqual([...header.subarray(0, 4)], [Opcode.nopIn, 0x80, 0, 0]);
    assert.ok(
      [...header.subarray(8, 16), ...header.subarray(36)].every((byte) => byte === 0),
      'reserved',
    );
  }
});

test('of a ping that is longer than the initiator takes, as much comes back as it takes (RFC 7143 §11.18.3)', async () => {
  await using served = await serveTarget();
  const raw = await served.login({ MaxRecvDataSegmentLength: '515' });
  raw.ping(pattern(2000));
  const pdu = await raw.expect(Opcode.nopIn);
  assert.deepEqual(Buffer.concat(pdu.data), pattern(515));
});

test('a ping may take its turn in CmdSN order (RFC 7143 §11.18)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  const header = NopOut.encode({
    opcode: Opcode.nopOut,
    final: true,
    initiatorTaskTag: 70,
    targetTransferTag: RESERVED_TAG,
    cmdSN: raw.cmdSN + 1,
    expStatSN: raw.expStatSN,
  });
  raw.send(header);
  assert.equal((await raw.run(testUnitReady)).status, Status.good);
  raw.cmdSN += 1;
  const answer = NopIn.view((await raw.expect(Opcode.nopIn)).header);
  assert.deepEqual([answer.initiatorTaskTag, answer.expCmdSN], [70, raw.cmdSN]);
});

test('a NOP-Out without a tag is not answered (RFC 7143 §11.19)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  raw.pong(RESERVED_TAG);
  const tag = raw.ping();
  assert.equal(NopIn.view((await raw.expect(Opcode.nopIn)).header).initiatorTaskTag, tag);
});

test('the target’s own ping: no task tag, a transfer tag, a LUN that exists, no data, a StatSN that is not used up (RFC 7143 §11.19)', async () => {
  const units = new Map([7, 300].map((lun) => [lun, new MemoryDevice(8 * BLOCK)]));
  await using served = await serveTarget({ units, portal: { keepalive: { interval: 1000, timeout: 5000 } } });
  const raw = await served.login();
  raw.ping();
  raw.expStatSN = NopIn.view((await raw.expect(Opcode.nopIn)).header).statSN + 1;
  await served.clock.advance(2500);
  const pdu = await raw.expect(Opcode.nopIn);
  const view = NopIn.view(pdu.header);
  assert.equal(view.initiatorTaskTag, RESERVED_TAG);
  assert.notEqual(view.targetTransferTag, RESERVED_TAG);
  assert.equal(decodeLun(view.lun), 7);
  assert.deepEqual([pdu.dataLength, view.statSN], [0, raw.expStatSN]);
  const answer = NopOut.encode({
    opcode: Opcode.nopOut,
    immediate: true,
    final: true,
    lun: encodeLun(7),
    initiatorTaskTag: RESERVED_TAG,
    targetTransferTag: view.targetTransferTag,
    cmdSN: raw.cmdSN,
    expStatSN: raw.expStatSN,
  });
  raw.send(answer);
  const tag = raw.ping();
  const next = NopIn.view((await raw.expect(Opcode.nopIn)).header);
  assert.deepEqual([next.initiatorTaskTag, next.statSN], [tag, view.statSN]);
});
