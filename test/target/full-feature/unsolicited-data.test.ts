/** Data that comes unasked: what InitialR2T, ImmediateData and FirstBurstLength allow (RFC 7143 §4.2.5.2, §11.4.7.2, §13.10–13.14). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import { Opcode } from '../../../src/iscsi/opcode.ts';
import { BasicHeader, ReadyToTransfer } from '../../../src/iscsi/pdu.ts';
import { decodeSense, Status } from '../../../src/scsi/index.ts';
import { BLOCK, pattern, write } from '../scsi-requests.ts';
import { serveTarget } from '../served-target.ts';

const FIRST_BURST = 2048;
const LENGTH = 8 * BLOCK;
const data = pattern(LENGTH);

/** "Unexpected unsolicited data" and "incorrect amount of data": Aborted Command, write errors (RFC 7143 §11.4.7.2). */
const UNEXPECTED = '0b/0c0c';
const INCORRECT_AMOUNT = '0b/0c0d';

interface Unasked {
  readonly immediate: number;
  /** Data-Out PDUs by their lengths; the last one has F. */
  readonly pdus: readonly number[];
  /** EDTL, in bytes. */
  readonly length?: number;
}

/** `good`, or the sense. R2Ts are answered as they come. */
async function outcome(keys: Readonly<Record<string, string>>, { immediate, pdus, length = LENGTH }: Unasked) {
  const device = new MemoryDevice(64 * BLOCK);
  await using served = await serveTarget({ device });
  const raw = await served.login({ FirstBurstLength: String(FIRST_BURST), ...keys });
  const tag = raw.command(write(length / BLOCK), {
    direction: 'write',
    length,
    final: pdus.length === 0,
    ...(immediate === 0 ? {} : { immediateData: data.subarray(0, immediate) }),
  });
  let at = immediate;
  for (const [dataSN, size] of pdus.entries()) {
    const final = dataSN === pdus.length - 1;
    raw.dataOut(tag, data.subarray(at, at + size), { dataSN, bufferOffset: at, final });
    at += size;
  }
  const asked: number[] = [];
  for (;;) {
    const pdu = await raw.next();
    assert.ok(pdu);
    if (BasicHeader.view(pdu.header).opcode !== Opcode.readyToTransfer) {
      raw.pushBack(pdu);
      break;
    }
    const r2t = ReadyToTransfer.view(pdu.header);
    asked.push(r2t.bufferOffset);
    raw.sendSequence(tag, data, r2t.targetTransferTag, r2t.bufferOffset, r2t.desiredDataTransferLength, 512);
  }
  const { status, sense } = await raw.result(tag);
  const medium = Buffer.concat(device.read(0, length));
  if (status === Status.good) {
    assert.deepEqual(medium, data.subarray(0, length));
    return { says: 'good', asked };
  }
  assert.ok(
    medium.every((byte) => byte === 0),
    'nothing of a failed WRITE is on the medium',
  );
  const { key = 0, code = 0 } = decodeSense(sense) ?? {};
  return { says: `${key.toString(16).padStart(2, '0')}/${code.toString(16).padStart(4, '0')}`, asked };
}

describe('the table of RFC 7143 §13.11', () => {
  const immediate = { immediate: 1024, pdus: [] };
  const separate = { immediate: 0, pdus: [1024, 1024] };
  const both = { immediate: 1024, pdus: [1024] };
  const rows: [initialR2T: string, immediateData: string, Unasked, string][] = [
    ['No', 'No', immediate, UNEXPECTED],
    ['No', 'No', separate, 'good'],
    ['No', 'No', both, UNEXPECTED],
    ['No', 'Yes', immediate, 'good'],
    ['No', 'Yes', separate, 'good'],
    ['No', 'Yes', both, 'good'],
    ['Yes', 'No', immediate, UNEXPECTED],
    ['Yes', 'No', separate, UNEXPECTED],
    ['Yes', 'No', both, UNEXPECTED],
    ['Yes', 'Yes', immediate, 'good'],
    ['Yes', 'Yes', separate, UNEXPECTED],
    ['Yes', 'Yes', both, UNEXPECTED],
  ];
  for (const [InitialR2T, ImmediateData, unasked, expected] of rows) {
    const what = unasked === both ? 'both' : unasked === immediate ? 'immediate data' : 'Data-Out PDUs';
    test(`InitialR2T=${InitialR2T} ImmediateData=${ImmediateData}, ${what}: ${expected}`, async () => {
      assert.equal((await outcome({ InitialR2T, ImmediateData }, unasked)).says, expected);
    });
  }
});

describe('with both allowed', () => {
  const keys = { InitialR2T: 'No', ImmediateData: 'Yes' };
  const cases: [string, Unasked, string, asked: number[]][] = [
    ['nothing unasked: all is asked for', { immediate: 0, pdus: [] }, 'good', [0]],
    ['immediate data only: the rest is asked for', { immediate: 512, pdus: [] }, 'good', [512]],
    ['FirstBurstLength at once: the rest is asked for', { immediate: 2048, pdus: [] }, 'good', [2048]],
    ['FirstBurstLength in many PDUs', { immediate: 48, pdus: [500, 500, 500, 500] }, 'good', [2048]],
    ['a PDU without data among them', { immediate: 0, pdus: [0, 1024, 0, 1024] }, 'good', [2048]],
    ['less than FirstBurstLength, though there is more', { immediate: 0, pdus: [1024] }, INCORRECT_AMOUNT, []],
    ['immediate and less than FirstBurstLength', { immediate: 512, pdus: [512] }, INCORRECT_AMOUNT, []],
    ['more than FirstBurstLength in PDUs', { immediate: 0, pdus: [1024, 1536] }, INCORRECT_AMOUNT, []],
    ['more than FirstBurstLength in the command', { immediate: 2560, pdus: [] }, UNEXPECTED, []],
    ['all that there is, which is less', { immediate: 512, pdus: [512], length: 1024 }, 'good', []],
    ['all that there is, in the command', { immediate: 1024, pdus: [], length: 1024 }, 'good', []],
    ['all that there is, which is FirstBurstLength', { immediate: 0, pdus: [2048], length: 2048 }, 'good', []],
  ];
  for (const [what, unasked, expected, asked] of cases) {
    test(`${what}: ${expected}`, async () => {
      assert.deepEqual(await outcome(keys, unasked), { says: expected, asked });
    });
  }
});
