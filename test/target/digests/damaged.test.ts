/** Digests that do not match: what is discarded, what is told, what ends (RFC 7143 §7.8). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import {
  AsyncEvent,
  AsyncMessage,
  DataOut,
  LoginStatus,
  NopOut,
  ReadyToTransfer,
  RejectReason,
  ScsiCommand,
  TextRequest,
} from '../../../src/iscsi/pdu.ts';
import { encodeText } from '../../../src/iscsi/text.ts';
import { decodeSense, Status } from '../../../src/scsi/index.ts';
import type { RawInitiator } from '../raw-initiator.ts';
import { BLOCK, pattern, testUnitReady, write } from '../scsi-requests.ts';
import { serveTarget } from '../served-target.ts';

const digests = { HeaderDigest: 'CRC32C', DataDigest: 'CRC32C' };

/** Requests with data that are no Data-Out. */
function requests(raw: RawInitiator): [string, Uint8Array, Uint8Array][] {
  const common = { immediate: true, final: true, initiatorTaskTag: 50, targetTransferTag: RESERVED_TAG };
  const numbers = { cmdSN: raw.cmdSN, expStatSN: raw.expStatSN };
  return [
    ['a ping', NopOut.encode({ ...common, ...numbers, opcode: Opcode.nopOut }), pattern(12)],
    [
      'a text',
      TextRequest.encode({ ...common, ...numbers, opcode: Opcode.textRequest }),
      encodeText([{ key: 'SendTargets', value: '' }]),
    ],
    [
      'a command with immediate data',
      ScsiCommand.encode({
        opcode: Opcode.scsiCommand,
        final: true,
        write: true,
        initiatorTaskTag: 50,
        expectedDataTransferLength: BLOCK,
        ...numbers,
        cdb: write(1),
      }),
      pattern(BLOCK),
    ],
  ];
}

describe('a damaged data segment is rejected with the header', () => {
  for (const index of [0, 1, 2]) {
    test(`of request ${index}: at level 1 it may come again, and the session goes on`, async () => {
      const device = new MemoryDevice(64 * BLOCK);
      await using served = await serveTarget({ device });
      const raw = await served.login({ ...digests, ErrorRecoveryLevel: '1' });
      const [, header, data] = requests(raw)[index] ?? assert.fail();
      raw.sendDamaged('data', header, data);
      const rejected = await raw.rejection();
      assert.equal(rejected.reason, RejectReason.dataDigestError);
      assert.deepEqual([...rejected.header], [...header]);
      raw.send(header, [data]);
      const answer = await raw.next();
      assert.ok(answer);
      assert.notEqual((answer.header[0] ?? 0) & 0x3f, Opcode.reject);
    });

    test(`of request ${index}: at level 0 the session ends`, async () => {
      await using served = await serveTarget();
      const raw = await served.login(digests);
      const [, header, data] = requests(raw)[index] ?? assert.fail();
      raw.sendDamaged('data', header, data);
      assert.equal((await raw.rejection()).reason, RejectReason.dataDigestError);
      await raw.closed;
      assert.equal(served.target.sessions.size, 0);
    });
  }

  test('also in a discovery session', async () => {
    await using served = await serveTarget();
    const raw = await served.login(digests, { discovery: true });
    const [, header, data] = requests(raw)[1] ?? assert.fail();
    raw.sendDamaged('data', header, data);
    assert.equal((await raw.rejection()).reason, RejectReason.dataDigestError);
    await raw.closed;
  });
});

describe('a damaged Data-Out', () => {
  const ways: [string, Readonly<Record<string, string>>][] = [
    ['that was asked for', { InitialR2T: 'Yes', ImmediateData: 'No' }],
    ['that came unasked', { InitialR2T: 'No', ImmediateData: 'No', FirstBurstLength: '1024' }],
  ];
  for (const [what, keys] of ways) {
    test(`${what}: at level 0 its WRITE fails when the last data has come`, async () => {
      const device = new MemoryDevice(64 * BLOCK);
      await using served = await serveTarget({ device });
      const raw = await served.login({ ...digests, ...keys });
      const isAsked = keys.InitialR2T === 'Yes';
      const tag = raw.command(write(2), { direction: 'write', length: 2 * BLOCK, final: isAsked });
      const targetTransferTag = isAsked
        ? ReadyToTransfer.view((await raw.expect(Opcode.readyToTransfer)).header).targetTransferTag
        : RESERVED_TAG;
      const first = DataOut.encode({ opcode: Opcode.dataOut, initiatorTaskTag: tag, targetTransferTag });
      raw.sendDamaged('data', first, pattern(BLOCK));
      assert.equal((await raw.rejection()).reason, RejectReason.dataDigestError);
      raw.ping();
      await raw.expect(Opcode.nopIn);
      raw.dataOut(tag, pattern(BLOCK), { targetTransferTag, dataSN: 1, bufferOffset: BLOCK, final: true });
      const { status, sense } = await raw.result(tag);
      assert.equal(status, Status.checkCondition);
      assert.equal(decodeSense(sense)?.code, 0x4705, 'protocol service CRC error');
      assert.ok(Buffer.concat(device.read(0, 2 * BLOCK)).every((byte) => byte === 0));
    });

    test(`${what}: at level 1 it is asked for again, and the WRITE succeeds`, async () => {
      const device = new MemoryDevice(64 * BLOCK);
      await using served = await serveTarget({ device });
      const raw = await served.login({ ...digests, ...keys, ErrorRecoveryLevel: '1' });
      const isAsked = keys.InitialR2T === 'Yes';
      const data = pattern(2 * BLOCK);
      const tag = raw.command(write(2), { direction: 'write', length: data.length, final: isAsked });
      let r2tSN = 0;
      let targetTransferTag = RESERVED_TAG;
      if (isAsked) {
        targetTransferTag = ReadyToTransfer.view((await raw.expect(Opcode.readyToTransfer)).header).targetTransferTag;
        r2tSN = 1;
      }
      const first = DataOut.encode({ opcode: Opcode.dataOut, initiatorTaskTag: tag, targetTransferTag });
      raw.sendDamaged('data', first, data.subarray(0, BLOCK));
      assert.equal((await raw.rejection()).reason, RejectReason.dataDigestError);
      raw.dataOut(tag, data.subarray(BLOCK), { targetTransferTag, dataSN: 1, bufferOffset: BLOCK, final: true });
      const again = ReadyToTransfer.view((await raw.expect(Opcode.readyToTransfer)).header);
      // A recovery R2T has the next unused R2TSN, and asks for what an earlier sequence has brought in vain (§11.8).
      assert.deepEqual([again.r2tSN, again.bufferOffset, again.desiredDataTransferLength], [r2tSN, 0, data.length]);
      raw.sendSequence(tag, data, again.targetTransferTag, 0, data.length, BLOCK);
      assert.equal((await raw.result(tag)).status, Status.good);
      assert.deepEqual(Buffer.concat(device.read(0, data.length)), data);
    });
  }

  test('a path that damages everything is given up, and the WRITE fails', async () => {
    await using served = await serveTarget();
    const raw = await served.login({ ...digests, ImmediateData: 'No', ErrorRecoveryLevel: '1' });
    const tag = raw.command(write(1), { direction: 'write', length: BLOCK });
    for (let tries = 0; tries < 100; tries++) {
      const pdu = await raw.next();
      assert.ok(pdu);
      if (((pdu.header[0] ?? 0) & 0x3f) === Opcode.reject) continue;
      if (((pdu.header[0] ?? 0) & 0x3f) !== Opcode.readyToTransfer) {
        raw.pushBack(pdu);
        break;
      }
      const { targetTransferTag } = ReadyToTransfer.view(pdu.header);
      const header = { opcode: Opcode.dataOut, final: true, initiatorTaskTag: tag, targetTransferTag };
      raw.sendDamaged('data', DataOut.encode(header), pattern(BLOCK));
    }
    assert.equal((await raw.result(tag)).status, Status.checkCondition);
  });
});

describe('a damaged header loses the place in the stream: its connection ends', () => {
  test('and with it a session that has no other', async () => {
    await using served = await serveTarget();
    const raw = await served.login(digests);
    raw.sendDamaged('header', ScsiCommand.encode({ opcode: Opcode.scsiCommand, final: true }), pattern(4));
    await raw.closed;
    const ended = served.events.find((event) => event.kind === 'session ended');
    assert.ok(ended?.error instanceof Error && 'code' in ended.error && ended.error.code === 'ISCSI_HEADER_DIGEST');
  });

  test('the others go on, and are told', async () => {
    await using served = await serveTarget();
    const raw = await served.login({ ...digests, MaxConnections: '2' });
    const second = await served.login(digests, { tsih: raw.tsih, cid: 2 });
    second.sendDamaged('header', ScsiCommand.encode({ opcode: Opcode.scsiCommand, final: true }), pattern(4));
    await second.closed;
    const { asyncEvent, parameter1, statSN } = AsyncMessage.view((await raw.expect(Opcode.asyncMessage)).header);
    assert.deepEqual([asyncEvent, parameter1], [AsyncEvent.connectionDropped, 2]);
    raw.expStatSN = statSN + 1;
    assert.equal((await raw.run(testUnitReady)).status, Status.good);
  });
});

test('digests begin with the full feature phase: the login has none (RFC 7143 §13.1)', async () => {
  await using served = await serveTarget();
  const raw = await served.connect();
  assert.notEqual(
    await raw.tryLogin({ targetName: 'iqn.2026-11.internal.test:target', keys: digests }),
    LoginStatus.initiatorError,
  );
  assert.equal((await raw.run(testUnitReady)).status, Status.good);
});
