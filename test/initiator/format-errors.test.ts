/** PDUs of a target that contradict themselves end the session (RFC 7143 §7.7, §7.13). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import { DataIn, NopIn, ReadyToTransfer, ScsiCommand, ScsiResponse, TextResponse } from '../../src/iscsi/pdu.ts';
import { encodeText } from '../../src/iscsi/text.ts';
import { Status } from '../../src/scsi/index.ts';
import { lun, openSession, pattern, respond, rig } from './support.ts';

const CHECK_CONDITION = Status.checkCondition;
const read = { lun, cdb: Uint8Array.of(0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0), readLength: 512 };
const write = { lun, cdb: Uint8Array.of(0x2a, 0, 0, 0, 0, 0, 0, 0, 8, 0), write: [pattern(4096)] };

const answers = {
  'a SCSI Response with CHECK CONDITION and no sense data (§7.7)': [
    read,
    (initiatorTaskTag: number) =>
      ScsiResponse.encode({ opcode: Opcode.scsiResponse, final: true, initiatorTaskTag, status: CHECK_CONDITION }),
  ],
  'a residual that is overflow and underflow at once (§11.4.1)': [
    read,
    (initiatorTaskTag: number) =>
      ScsiResponse.encode({
        opcode: Opcode.scsiResponse,
        final: true,
        initiatorTaskTag,
        overflow: true,
        underflow: true,
        residualCount: 1,
      }),
  ],
  'Data-In with a status that does not end its sequence (§11.7.3)': [
    read,
    (initiatorTaskTag: number) =>
      DataIn.encode({ opcode: Opcode.dataIn, hasStatus: true, initiatorTaskTag, targetTransferTag: RESERVED_TAG }),
  ],
  'Data-In with CHECK CONDITION, which has no room for sense data (§11.7.3)': [
    read,
    (initiatorTaskTag: number) =>
      DataIn.encode({
        opcode: Opcode.dataIn,
        final: true,
        hasStatus: true,
        status: CHECK_CONDITION,
        initiatorTaskTag,
        targetTransferTag: RESERVED_TAG,
      }),
  ],
  'an R2T without a Target Transfer Tag (§11.8.5)': [
    write,
    (initiatorTaskTag: number) =>
      ReadyToTransfer.encode({
        opcode: Opcode.readyToTransfer,
        final: true,
        lun,
        initiatorTaskTag,
        targetTransferTag: RESERVED_TAG,
        desiredDataTransferLength: 512,
      }),
  ],
  'an R2T for another LUN than that of its command (§4.2.5.3)': [
    write,
    (initiatorTaskTag: number) =>
      ReadyToTransfer.encode({
        opcode: Opcode.readyToTransfer,
        final: true,
        lun: Uint8Array.of(0, 2, 0, 0, 0, 0, 0, 0),
        initiatorTaskTag,
        targetTransferTag: 1,
        desiredDataTransferLength: 512,
      }),
  ],
  'a NOP-In that answers and asks (§7.7)': [
    read,
    (initiatorTaskTag: number) =>
      NopIn.encode({ opcode: Opcode.nopIn, final: true, lun, initiatorTaskTag, targetTransferTag: 5 }),
  ],
} as const;

for (const [what, [request, answer]] of Object.entries(answers)) {
  test(`${what} ends the session`, async () => {
    const all = rig();
    const { session, peer } = await openSession(all, { InitialR2T: 'Yes', ImmediateData: 'No' });
    const running = assert.rejects(session.execute(request), { name: 'ProtocolError' });
    const { initiatorTaskTag } = ScsiCommand.view((await peer.next()).header);
    peer.send(answer(initiatorTaskTag));
    await running;
    assert.equal((await session.closed)?.name, 'ProtocolError');
    assert.equal(all.clock.pending, 0);
  });
}

for (const [what, fields] of [
  ['a text that goes on without a tag (§11.11.4)', { final: false, targetTransferTag: RESERVED_TAG }],
  ['a text that is whole and goes on (§11.11.2)', { final: true, continue: true, targetTransferTag: RESERVED_TAG }],
] as const) {
  test(`${what} ends the session`, async () => {
    const { session, peer } = await openSession(rig());
    const running = assert.rejects(session.exchangeText(encodeText([{ key: 'SendTargets', value: 'All' }])), {
      name: 'ProtocolError',
    });
    const { initiatorTaskTag } = ScsiCommand.view((await peer.next()).header);
    peer.send(TextResponse.encode({ opcode: Opcode.textResponse, initiatorTaskTag, ...fields }));
    await running;
    assert.equal((await session.closed)?.name, 'ProtocolError');
  });
}

test('the transfer tag of the last part of a text is not looked at (RFC 7143 §11.10.4)', async () => {
  const { session, peer } = await openSession(rig());
  const running = session.exchangeText(new Uint8Array(0));
  const { initiatorTaskTag } = ScsiCommand.view((await peer.next()).header);
  peer.send(TextResponse.encode({ opcode: Opcode.textResponse, final: true, initiatorTaskTag, targetTransferTag: 9 }));
  assert.equal((await running).length, 0);
});

test('what a target failure says beside that is not looked at (RFC 7143 §11.4.3)', async () => {
  const { session, peer } = await openSession(rig());
  const running = assert.rejects(session.execute(read), { code: 'ISCSI_TARGET_FAILURE' });
  const { initiatorTaskTag } = ScsiCommand.view((await peer.next()).header);
  const undefinedFields = { status: CHECK_CONDITION, overflow: true, underflow: true, expDataSN: 9 };
  const header = { opcode: Opcode.scsiResponse, final: true, initiatorTaskTag, response: 1, ...undefinedFields };
  peer.send(ScsiResponse.encode(header));
  await running;
  const next = session.execute(read);
  respond(peer, await peer.next());
  assert.equal((await next).status, Status.good);
});

test('ExpDataSN tells of Data-In that has not come: the session ends (RFC 7143 §7.9, §11.4.8)', async () => {
  const { session, peer } = await openSession(rig());
  const running = assert.rejects(session.execute(read), { code: 'ISCSI_DATA_IN_ORDER' });
  const { initiatorTaskTag } = ScsiCommand.view((await peer.next()).header);
  const data = { opcode: Opcode.dataIn, initiatorTaskTag, targetTransferTag: RESERVED_TAG };
  peer.send(DataIn.encode({ ...data, final: true }), pattern(256), false);
  peer.send(ScsiResponse.encode({ opcode: Opcode.scsiResponse, final: true, initiatorTaskTag, expDataSN: 2 }));
  await running;
});

test('Data-In without data counts in the numbering (RFC 7143 §11.7.5, §11.7.7)', async () => {
  const { session, peer } = await openSession(rig());
  const running = session.execute(read);
  const { initiatorTaskTag } = ScsiCommand.view((await peer.next()).header);
  const data = { opcode: Opcode.dataIn, initiatorTaskTag, targetTransferTag: RESERVED_TAG };
  peer.send(DataIn.encode({ ...data, dataSN: 0 }), undefined, false);
  peer.send(DataIn.encode({ ...data, dataSN: 1, final: true, hasStatus: true }), pattern(512));
  assert.equal((await running).dataLength, 512);

  const wrong = assert.rejects(session.execute(read), { code: 'ISCSI_DATA_IN_ORDER' });
  const next = ScsiCommand.view((await peer.next()).header).initiatorTaskTag;
  peer.send(DataIn.encode({ ...data, initiatorTaskTag: next, dataSN: 1 }), undefined, false);
  await wrong;
});

test('A asks for nothing at level 0: no SNACK goes out (RFC 7143 §11.7.2)', async () => {
  const { session, peer } = await openSession(rig());
  const running = session.execute(read);
  const { initiatorTaskTag } = ScsiCommand.view((await peer.next()).header);
  const data = { opcode: Opcode.dataIn, final: true, initiatorTaskTag, acknowledge: true, lun, targetTransferTag: 5 };
  peer.send(DataIn.encode(data), pattern(512), false);
  peer.send(ScsiResponse.encode({ opcode: Opcode.scsiResponse, final: true, initiatorTaskTag, expDataSN: 1 }));
  assert.equal((await running).dataLength, 512);
  const next = session.execute(read);
  respond(peer, await peer.next());
  await next;
  assert.equal(peer.unread, 0);
});

test('what came is counted, whatever the residual says (RFC 7143 §11.4.5)', async () => {
  const { session, peer } = await openSession(rig());
  for (const [residual, length] of [
    [{}, 256],
    [{ underflow: true, residualCount: 512 }, 512],
    [{ underflow: true, residualCount: 0xffff_ffff }, 256],
    [{ overflow: true, residualCount: 512 }, 0],
  ] as const) {
    const running = session.execute(read);
    const { initiatorTaskTag } = ScsiCommand.view((await peer.next()).header);
    const data = { opcode: Opcode.dataIn, final: true, initiatorTaskTag, targetTransferTag: RESERVED_TAG };
    if (length > 0) peer.send(DataIn.encode(data), pattern(length), false);
    const expDataSN = length > 0 ? 1 : 0;
    const header = { opcode: Opcode.scsiResponse, final: true, initiatorTaskTag, expDataSN, ...residual };
    peer.send(ScsiResponse.encode(header));
    const { dataLength, data: taken } = await running;
    assert.equal(dataLength, length);
    assert.deepEqual(Buffer.concat(taken), Buffer.from(pattern(512).subarray(0, length)));
  }
});
