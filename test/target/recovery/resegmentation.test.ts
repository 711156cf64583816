/** R-Data SNACK: data is cut anew, and what was cut anew is what can be had again (RFC 7143 §11.16.3). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import { Opcode } from '../../../src/iscsi/opcode.ts';
import { DataIn, ScsiResponse, SnackType } from '../../../src/iscsi/pdu.ts';
import type { RawInitiator } from '../raw-initiator.ts';
import { ask } from '../raw-text.ts';
import { BLOCK, pattern, read } from '../scsi-requests.ts';
import { serveTarget } from '../served-target.ts';

const SNACK_TAG = 77;
const LENGTH = 4 * BLOCK;

/** A READ that came in PDUs of `before`, asked for again in PDUs of `after`: its tag, and what came the second time. */
async function cutAnew(
  raw: RawInitiator,
  after: number,
): Promise<{ tag: number; data: Buffer; response: ScsiResponse }> {
  const { expStatSN } = raw;
  const tag = raw.command(read(LENGTH / BLOCK), { length: LENGTH });
  await raw.result(tag);
  raw.expStatSN = expStatSN;
  await ask(raw, [`MaxRecvDataSegmentLength=${after}`]);
  raw.expStatSN = expStatSN;
  raw.snack({ type: SnackType.rData, initiatorTaskTag: tag, targetTransferTag: SNACK_TAG, begRun: 0, runLength: 0 });
  const parts: Uint8Array[] = [];
  for (let dataSN = 0; dataSN < LENGTH / after; dataSN++) {
    const pdu = await raw.expect(Opcode.dataIn);
    const view = DataIn.view(pdu.header);
    assert.deepEqual(
      [view.dataSN, view.bufferOffset, pdu.dataLength, view.hasStatus],
      [dataSN, dataSN * after, after, false],
    );
    parts.push(...pdu.data);
  }
  const response = ScsiResponse.view((await raw.expect(Opcode.scsiResponse)).header);
  return { tag, data: Buffer.concat(parts), response };
}

for (const [what, before, after] of [
  ['shorter', LENGTH, BLOCK],
  ['longer', BLOCK, LENGTH],
  ['as it was', BLOCK, BLOCK],
] as const) {
  test(`after a new MaxRecvDataSegmentLength: ${what} (RFC 7143 §11.16.3)`, async () => {
    const device = new MemoryDevice(64 * BLOCK);
    const content = pattern(LENGTH);
    device.write(0, [content]);
    await using served = await serveTarget({ device });
    const raw = await served.login({ ErrorRecoveryLevel: '1', MaxRecvDataSegmentLength: String(before) });
    const { tag, data, response } = await cutAnew(raw, after);
    assert.deepEqual(data, Buffer.from(content));
    assert.deepEqual([response.snackTag, response.expDataSN], [SNACK_TAG, LENGTH / after]);
    // The last one: of all pieces, the one that had the status at first.
    const last = LENGTH / after - 1;
    raw.snack({ type: SnackType.dataOrR2T, initiatorTaskTag: tag, begRun: last, runLength: 1 });
    const again = await raw.expect(Opcode.dataIn);
    const view = DataIn.view(again.header);
    assert.deepEqual([view.dataSN, view.bufferOffset, view.hasStatus], [last, last * after, false]);
    assert.deepEqual(Buffer.concat(again.data), Buffer.from(content.subarray(last * after)));
  });
}
