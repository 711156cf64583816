/** Reject: its reasons, its numbers, and the header that it brings back (RFC 7143 §7.3, §11.17). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import { LoginRequest, Reject, RejectReason, ScsiCommand, SnackType } from '../../../src/iscsi/pdu.ts';
import { Status } from '../../../src/scsi/index.ts';
import { testUnitReady } from '../scsi-requests.ts';
import { serveTarget } from '../served-target.ts';

test('a Reject has no task of its own, takes a StatSN, and brings back the whole header (RFC 7143 §11.17.3, §11.17.4)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  const bad = ScsiCommand.encode({ opcode: 0x1b, final: true, initiatorTaskTag: 7, cdb: Buffer.alloc(16, 0xcd) });
  const { expStatSN, cmdSN } = raw;
  raw.send(bad, [Buffer.from('data that does not come back')]);
  const pdu = await raw.expect(Opcode.reject);
  const { header } = pdu;
  const view = Reject.view(header);
  assert.deepEqual(
    [view.reason, view.initiatorTaskTag, view.statSN],
    [RejectReason.commandNotSupported, RESERVED_TAG, expStatSN],
  );
  assert.deepEqual([view.expCmdSN, view.dataSN], [cmdSN, 0]);
  assert.deepEqual([...header.subarray(0, 4)], [Opcode.reject, 0x80, RejectReason.commandNotSupported, 0]);
  assert.ok(
    [...header.subarray(8, 16), ...header.subarray(20, 24), ...header.subarray(40)].every((byte) => byte === 0),
  );
  // The data segment length is the sender's, and not part of what was refused.
  const back = Buffer.concat(pdu.data);
  assert.equal(back.length, 48);
  assert.deepEqual([...back.subarray(8)], [...bad.subarray(8)]);
  raw.expStatSN += 1;
  const { pdus } = await raw.run(testUnitReady);
  assert.equal(Reject.view(pdus[0]?.header ?? new Uint8Array()).statSN, expStatSN + 1);
});

test('additional headers are part of the header (RFC 7143 §11.17.4)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  const bad = Buffer.alloc(48 + 8);
  const fields = { opcode: Opcode.scsiCommand, final: true, initiatorTaskTag: 7, cmdSN: raw.cmdSN };
  bad.set(ScsiCommand.encode({ ...fields, totalAHSLength: 2 }));
  // A code that does not exist (§11.2.2.1).
  bad.set([0x00, 0x05, 0x03, 0x00, 1, 2, 3, 4], 48);
  raw.sendBytes(bad);
  const { header } = await raw.rejection();
  assert.deepEqual([...header], [...bad]);
});

test('a Login Request after the login is a protocol error, and ends the session (RFC 7143 §4.2.4)', async () => {
  await using served = await serveTarget();
  for (const immediate of [true, false]) {
    const raw = await served.login();
    raw.send(
      LoginRequest.encode({
        opcode: Opcode.loginRequest,
        immediate,
        transit: true,
        nextStage: 3,
        cmdSN: raw.cmdSN + 3,
      }),
    );
    assert.equal((await raw.rejection()).reason, RejectReason.protocolError);
    await raw.closed;
  }
  assert.equal(served.target.sessions.size, 0);
});

test('a SNACK where nothing was agreed to be kept is rejected (RFC 7143 §7.1.5, §11.16)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  for (const type of Object.values(SnackType)) {
    raw.snack({ type, begRun: 0, runLength: 0 });
    assert.equal((await raw.rejection()).reason, RejectReason.snackReject);
  }
  assert.equal((await raw.run(testUnitReady)).status, Status.good);
});
