/** Every kind of PDU that the target sends is as it is drawn: the initiator of these tests looks at each header (RFC 7143 §11). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opcode } from '../../../src/iscsi/opcode.ts';
import { DataIn, SnackType, TaskManagementFunction } from '../../../src/iscsi/pdu.ts';
import { checkHeaderForm } from '../../support/header-form.ts';
import type { RawInitiator } from '../raw-initiator.ts';
import { ask } from '../raw-text.ts';
import { BLOCK, pattern, read, write } from '../scsi-requests.ts';
import { serveTarget } from '../served-target.ts';

const inquiry = Buffer.from('12000000240000000000000000000000', 'hex');

/** Header of what comes next. */
async function nextHeader(raw: RawInitiator): Promise<Uint8Array> {
  const pdu = await raw.next();
  return pdu?.header ?? new Uint8Array(0);
}

test('reserved fields of all that a target sends are 0, and conditional ones where nothing is said (RFC 7143 §11)', async () => {
  const served = await serveTarget();
  const raw = await served.login({ MaxConnections: '2', InitialR2T: 'Yes', ImmediateData: 'No' });
  const headers: Uint8Array[] = [];
  const second = await served.login({}, { tsih: raw.tsih, cid: 2 });
  const requests = [
    () => second.tcp.destroy(),
    () => raw.command(read(2), { length: 2 * BLOCK }),
    // More than there is to say, and a failure.
    () => raw.command(inquiry, { length: 255 }),
    () => raw.command(read(1, 0xffff_0000), { length: BLOCK }),
    () => raw.command(write(1), { direction: 'write', length: BLOCK }),
    () => raw.ping(pattern(20)),
    () => raw.manage(TaskManagementFunction.abortTask, { referencedTaskTag: raw.lastTag - 1 }),
    () => raw.manage(TaskManagementFunction.logicalUnitReset),
    () => raw.snack({ type: SnackType.dataOrR2T, initiatorTaskTag: 4711, begRun: 0, runLength: 0 }),
  ];
  for (const send of requests) {
    send();
    headers.push(await nextHeader(raw));
  }
  const reply = await ask(raw, ['X-vendor=1']);
  if (reply.kind === 'text') headers.push(reply.pdu.header);
  raw.logout();
  headers.push(await nextHeader(raw));
  for (const header of headers) checkHeaderForm(header);
  const { loginResponse: _, ...target } = Object.fromEntries(Object.entries(Opcode).filter(([, code]) => code >= 0x20));
  const seen = new Set(headers.map((header) => DataIn.view(header).opcode));
  assert.deepEqual(
    [...seen].toSorted((a, b) => a - b),
    Object.values(target).toSorted((a, b) => a - b),
  );
  await served.portal.close();
});

test('a header that breaks the drawing is noticed', () => {
  for (const [what, header] of [
    ['the reserved bit of byte 0', 'a0'],
    ['F left out', '2000'],
    ['a reserved byte', '208001'],
    ['a data length for a ping', `2080000000000004${'00'.repeat(8)}ffffffff00000001`],
    ['a LUN without a tag', `20800000000000000001000000000000ffffffffffffffff`],
    ['an unknown opcode', '2780'],
    ['status without S', '25800002'],
  ] as const) {
    assert.throws(() => checkHeaderForm(Buffer.from(header.padEnd(96, '0'), 'hex')), /0x2/, what);
  }
});
