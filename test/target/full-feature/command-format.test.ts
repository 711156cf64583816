/** Headers that cannot be acted on end the session (RFC 7143 §7.7, §11.3.1, §11.2.1.8); reserved fields are not looked at (§11). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import {
  LogoutRequest,
  NopOut,
  RejectReason,
  ScsiCommand,
  TaskManagementFunction,
  TaskManagementRequest,
  TextRequest,
} from '../../../src/iscsi/pdu.ts';
import { decodeSense, Status } from '../../../src/scsi/index.ts';
import { BLOCK, read, testUnitReady } from '../scsi-requests.ts';
import { serveTarget } from '../served-target.ts';

const common = { final: true, initiatorTaskTag: 99, cmdSN: 1 };
const untagged = { ...common, initiatorTaskTag: RESERVED_TAG, immediate: true };

describe('is reported as a protocol error, and the session ends', () => {
  const faults: [string, Uint8Array][] = [
    ['a command with neither W nor F', ScsiCommand.encode({ ...common, opcode: Opcode.scsiCommand, final: false })],
    ...[5, 6, 7].map((attribute): [string, Uint8Array] => [
      `the reserved task attribute ${attribute}`,
      ScsiCommand.encode({ ...common, opcode: Opcode.scsiCommand, attribute }),
    ]),
    ['a command without a task tag', ScsiCommand.encode({ ...untagged, opcode: Opcode.scsiCommand })],
    [
      'a task management request without a task tag',
      TaskManagementRequest.encode({
        ...untagged,
        opcode: Opcode.taskManagementRequest,
        function: TaskManagementFunction.abortTask,
      }),
    ],
    [
      'a text without a task tag',
      TextRequest.encode({ ...untagged, opcode: Opcode.textRequest, targetTransferTag: RESERVED_TAG }),
    ],
    ['a logout without a task tag', LogoutRequest.encode({ ...untagged, opcode: Opcode.logoutRequest })],
    [
      'a NOP-Out that asks for nothing and takes a number (§11.18.1)',
      NopOut.encode({
        ...untagged,
        immediate: false,
        opcode: Opcode.nopOut,
        targetTransferTag: RESERVED_TAG,
      }),
    ],
    ...[3, 4, 127].map((reason): [string, Uint8Array] => [
      `the reserved logout reason ${reason} (§11.14.1)`,
      LogoutRequest.encode({ ...common, opcode: Opcode.logoutRequest, reason, cid: 1 }),
    ]),
  ];
  for (const [what, header] of faults) {
    test(what, async () => {
      await using served = await serveTarget();
      const raw = await served.login();
      const other = await served.login({}, { isid: '800000000002' });
      raw.send(header);
      const { reason, header: rejected } = await raw.rejection();
      assert.equal(reason, RejectReason.protocolError);
      assert.deepEqual([...rejected], [...header]);
      await raw.closed;
      assert.ok(served.events.some((event) => event.kind === 'session ended' && event.reason === 'protocol error'));
      assert.equal((await other.run(testUnitReady)).status, Status.good, 'nobody else notices');
    });
  }

  test('on every connection of the session', async () => {
    await using served = await serveTarget();
    const raw = await served.login({ MaxConnections: '2' });
    const second = await served.login({}, { tsih: raw.tsih, cid: 2 });
    second.send(ScsiCommand.encode({ ...common, opcode: Opcode.scsiCommand, final: false }));
    await Promise.all([raw.closed, second.closed]);
    assert.equal(served.target.sessions.size, 0);
  });
});

test('reserved bits and fields of requests are ignored (RFC 7143 §11)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  const command = ScsiCommand.encode({
    opcode: Opcode.scsiCommand,
    final: true,
    read: true,
    initiatorTaskTag: 1,
    expectedDataTransferLength: BLOCK,
    cmdSN: raw.cmdSN,
    cdb: read(1),
  });
  command[0] = (command[0] ?? 0) | 0x80;
  command[1] = (command[1] ?? 0) | 0x18;
  command[2] = 0xff;
  command[3] = 0xff;
  raw.send(command);
  assert.equal((await raw.result(1)).status, Status.good);
  raw.cmdSN += 1;

  const nop = NopOut.encode({
    opcode: Opcode.nopOut,
    immediate: true,
    final: true,
    initiatorTaskTag: 2,
    targetTransferTag: RESERVED_TAG,
    cmdSN: raw.cmdSN,
  });
  nop.fill(0x7f, 2, 4);
  nop[1] = 0xff;
  nop.fill(0xff, 32, 48);
  raw.send(nop);
  await raw.expect(Opcode.nopIn);

  const logout = LogoutRequest.encode({
    opcode: Opcode.logoutRequest,
    immediate: true,
    final: true,
    initiatorTaskTag: 3,
  });
  logout.fill(0xff, 2, 4);
  logout.fill(0xff, 8, 16);
  logout.fill(0xff, 22, 24);
  logout.fill(0xff, 32, 48);
  raw.send(logout);
  await raw.expect(Opcode.logoutResponse);
});

test('a command that says nothing of a direction gets no data, and the residual says so (RFC 7143 §7.10, §11.4.5)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  const { status, data, residual } = await raw.run(read(1), { direction: 'none', length: BLOCK });
  assert.deepEqual([status, data.length, residual], [Status.good, 0, -BLOCK]);
});

test('without an ACA there is no task for one (RFC 7143 §10.2, §11.3.1)', async () => {
  await using served = await serveTarget();
  const raw = await served.login();
  const { status, sense } = await raw.run(testUnitReady, { attribute: 4 });
  assert.equal(status, Status.checkCondition);
  const { key, code } = decodeSense(sense) ?? {};
  assert.deepEqual([key, code], [5, 0x4900], 'INVALID MESSAGE ERROR');
  assert.equal((await raw.run(testUnitReady)).status, Status.good);
});
