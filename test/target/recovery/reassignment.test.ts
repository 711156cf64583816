/** TASK REASSIGN: from where a READ goes on (RFC 7143 §7.2.2, §11.5.6). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import { Opcode } from '../../../src/iscsi/opcode.ts';
import { DataIn, ScsiResponse, SnackType, TaskManagementFunction } from '../../../src/iscsi/pdu.ts';
import { settled } from '../commands/asker.ts';
import type { RawInitiator } from '../raw-initiator.ts';
import { BLOCK, pattern, read } from '../scsi-requests.ts';
import { type ServedTarget, serveTarget } from '../served-target.ts';

const BLOCKS = 4;
const keys = { ErrorRecoveryLevel: '2', MaxConnections: '2' };

function serve(): Promise<ServedTarget> {
  const device = new MemoryDevice(64 * BLOCK);
  device.write(0, [pattern(BLOCKS * BLOCK)]);
  return serveTarget({ device });
}

/** A READ of four PDUs, all sent and none of them acknowledged. */
async function unacknowledged(raw: RawInitiator): Promise<number> {
  const { expStatSN } = raw;
  const tag = raw.command(read(BLOCKS), { length: BLOCKS * BLOCK });
  await raw.result(tag);
  raw.expStatSN = expStatSN;
  return tag;
}

/** The connection is lost, and another one asks for its task. */
async function reassign(
  served: ServedTarget,
  lost: RawInitiator,
  tag: number,
  expDataSN: number,
): Promise<RawInitiator> {
  lost.tcp.destroy();
  await settled();
  const next = await served.login({ MaxRecvDataSegmentLength: String(BLOCK) }, { tsih: lost.tsih, cid: 1 });
  next.cmdSN = lost.cmdSN;
  next.manage(TaskManagementFunction.taskReassign, { referencedTaskTag: tag, expDataSN });
  assert.equal((await next.managed()).response, 0);
  return next;
}

describe('ExpDataSN', () => {
  for (const [what, expDataSN, from] of [
    ['0: all that is not acknowledged', 0, 0],
    ['a number that was sent: from there', 2, 2],
    ['one more than was sent: the status alone', BLOCKS, BLOCKS],
    ['more than that is ignored', BLOCKS + 1, 0],
  ] as const) {
    test(what, async () => {
      await using served = await serve();
      const lost = await served.login({ ...keys, MaxRecvDataSegmentLength: String(BLOCK) });
      const next = await reassign(served, lost, await unacknowledged(lost), expDataSN);
      for (let dataSN = from; dataSN < BLOCKS; dataSN++) {
        const pdu = await next.expect(Opcode.dataIn);
        const view = DataIn.view(pdu.header);
        assert.deepEqual([view.dataSN, view.bufferOffset], [dataSN, dataSN * BLOCK]);
        assert.deepEqual(
          Buffer.concat(pdu.data),
          pattern(BLOCKS * BLOCK).subarray(dataSN * BLOCK, (dataSN + 1) * BLOCK),
        );
      }
      const response = ScsiResponse.view((await next.expect(Opcode.scsiResponse)).header);
      assert.deepEqual([response.status, response.expDataSN], [0, BLOCKS]);
    });
  }
});

test('the SNACK Tag of the lost connection is forgotten (RFC 7143 §7.2.2)', async () => {
  await using served = await serve();
  const lost = await served.login({ ...keys, MaxRecvDataSegmentLength: String(BLOCK) });
  const tag = await unacknowledged(lost);
  lost.snack({ type: SnackType.rData, initiatorTaskTag: tag, targetTransferTag: 77, begRun: 0, runLength: 0 });
  for (let index = 0; index < BLOCKS; index++) await lost.expect(Opcode.dataIn);
  assert.equal(ScsiResponse.view((await lost.expect(Opcode.scsiResponse)).header).snackTag, 77);
  const next = await reassign(served, lost, tag, BLOCKS);
  assert.equal(ScsiResponse.view((await next.expect(Opcode.scsiResponse)).header).snackTag, 0);
});
