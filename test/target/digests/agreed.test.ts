/** Header and data digests in force: on every PDU of the full feature phase, both ways (RFC 7143 §11.2.3, §13.1). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import { crc32c } from '../../../src/bytes/index.ts';
import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import { NopOut, ScsiCommand } from '../../../src/iscsi/pdu.ts';
import { Status } from '../../../src/scsi/index.ts';
import { ask } from '../raw-text.ts';
import { BLOCK, pattern, read, write } from '../scsi-requests.ts';
import { serveTarget, TARGET } from '../served-target.ts';

const digest = (bytes: Uint8Array): Buffer => {
  const result = Buffer.alloc(4);
  result.writeUInt32LE(crc32c(bytes));
  return result;
};

for (const HeaderDigest of ['None', 'CRC32C']) {
  for (const DataDigest of ['None', 'CRC32C']) {
    test(`HeaderDigest=${HeaderDigest} DataDigest=${DataDigest}: all kinds of PDUs get through`, async () => {
      const device = new MemoryDevice(64 * BLOCK);
      await using served = await serveTarget({ device });
      const raw = await served.login({
        HeaderDigest,
        DataDigest,
        ImmediateData: 'No',
        MaxRecvDataSegmentLength: '515',
      });
      const data = pattern(5 * BLOCK);
      const tag = raw.command(write(5), { direction: 'write', length: data.length });
      assert.equal((await raw.writeBySolicitation(tag, data, 333)).status, Status.good);
      assert.deepEqual((await raw.run(read(5), { length: data.length })).data, data);
      assert.equal((await raw.run(read(1, 0x7fff_ffff), { length: BLOCK })).status, Status.checkCondition);
      const reply = await ask(raw, [`SendTargets=${TARGET}`]);
      assert.equal(reply.kind, 'text');
      for (const length of [0, 1, 2, 3, 4]) {
        raw.ping(pattern(length));
        const pdu = await raw.expect(Opcode.nopIn);
        assert.deepEqual(Buffer.concat(pdu.data), pattern(length));
        raw.expStatSN += 1;
      }
      raw.logout();
      await raw.expect(Opcode.logoutResponse);
    });
  }
}

test('digests hold per connection: each of a session has its own (RFC 7143 §13.1)', async () => {
  await using served = await serveTarget();
  const raw = await served.login({ MaxConnections: '2', HeaderDigest: 'CRC32C' });
  const second = await served.login({ DataDigest: 'CRC32C' }, { tsih: raw.tsih, cid: 2 });
  second.cmdSN = raw.cmdSN;
  assert.equal((await second.run(read(1), { length: BLOCK })).status, Status.good);
  raw.cmdSN = second.cmdSN;
  assert.equal((await raw.run(read(1), { length: BLOCK })).status, Status.good);
});

describe('what a digest covers', () => {
  test('padding, whatever is in it (RFC 7143 §11.2.3, §13.1)', async () => {
    await using served = await serveTarget();
    const raw = await served.login({ HeaderDigest: 'CRC32C', DataDigest: 'CRC32C' });
    const header = NopOut.encode({
      opcode: Opcode.nopOut,
      immediate: true,
      final: true,
      dataSegmentLength: 5,
      initiatorTaskTag: 3,
      targetTransferTag: RESERVED_TAG,
      cmdSN: raw.cmdSN,
    });
    const segment = Buffer.from([1, 2, 3, 4, 5, 0xaa, 0xbb, 0xcc]);
    raw.sendBytes(Buffer.concat([header, digest(header), segment, digest(segment)]));
    const pdu = await raw.expect(Opcode.nopIn);
    assert.deepEqual(Buffer.concat(pdu.data), segment.subarray(0, 5));
  });

  test('additional headers, in the header’s digest (RFC 7143 §11.2.3)', async () => {
    await using served = await serveTarget();
    const raw = await served.login({ HeaderDigest: 'CRC32C' });
    const fields = { opcode: Opcode.scsiCommand, final: true, initiatorTaskTag: 3, cmdSN: raw.cmdSN };
    const header = ScsiCommand.encode({ ...fields, totalAHSLength: 2 });
    const ahs = Buffer.from([0, 5, 3, 0, 1, 2, 3, 4]);
    raw.sendBytes(Buffer.concat([header, ahs, digest(Buffer.concat([header, ahs]))]));
    assert.deepEqual([...(await raw.rejection()).header.subarray(48)], [...ahs]);
  });

  test('no data, no data digest (RFC 7143 §11.2.3)', async () => {
    await using served = await serveTarget();
    const raw = await served.login({ DataDigest: 'CRC32C' });
    const ping = (initiatorTaskTag: number): Uint8Array =>
      NopOut.encode({
        opcode: Opcode.nopOut,
        immediate: true,
        final: true,
        initiatorTaskTag,
        targetTransferTag: RESERVED_TAG,
        cmdSN: raw.cmdSN,
      });
    raw.sendBytes(Buffer.concat([ping(1), ping(2)]));
    await raw.expect(Opcode.nopIn);
    await raw.expect(Opcode.nopIn);
  });
});
