/** What iSCSIProtocolLevel 2 adds (RFC 7144). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opcode } from '../../src/iscsi/opcode.ts';
import {
  ReadyToTransfer,
  ScsiCommand,
  ScsiResponse,
  TaskManagementFunction,
  TaskManagementResponseCode,
} from '../../src/iscsi/pdu.ts';
import {
  AdditionalSense,
  decodeSense,
  encodeLun,
  InquiryCdb,
  ReportSupportedTaskManagementFunctionsCdb,
  Reserve6Cdb,
  StandardInquiry,
  Status,
  TestUnitReadyCdb,
  Transfer10Cdb,
} from '../../src/scsi/index.ts';
import type { RawInitiator } from './raw-initiator.ts';
import { serveTarget } from './served-target.ts';
import { open } from './several-connections.ts';

const BLOCK = 512;
const {
  functionComplete,
  taskDoesNotExist,
  lunDoesNotExist,
  functionNotSupported,
  functionRejected,
  functionSucceeded,
} = TaskManagementResponseCode;
const { queryTask, queryTaskSet, itNexusReset, queryAsynchronousEvent, logicalUnitReset } = TaskManagementFunction;
const testUnitReady = TestUnitReadyCdb.encode({ operationCode: 0x00 });
const reserve = Reserve6Cdb.encode({ operationCode: 0x16 });
const read = Transfer10Cdb.encode({ operationCode: 0x28, transferLength: 1 });
const write = Transfer10Cdb.encode({ operationCode: 0x2a, transferLength: 1 });
const keysOf = (iSCSIProtocolLevel: number) => ({
  iSCSIProtocolLevel: String(iSCSIProtocolLevel),
  ImmediateData: 'No',
});

async function startWrite(initiator: RawInitiator): Promise<{ tag: number; targetTransferTag: number }> {
  const tag = initiator.command(write, { direction: 'write', length: BLOCK });
  const { targetTransferTag } = ReadyToTransfer.view((await initiator.expect(Opcode.readyToTransfer)).header);
  return { tag, targetTransferTag };
}

async function ask(initiator: RawInitiator, fn: number, options = {}): Promise<number> {
  initiator.manage(fn, options);
  return (await initiator.managed()).response;
}

for (const level of [0, 1, 2]) {
  test(`at level ${level} the new functions ${level < 2 ? 'are not supported' : 'exist'}, and the target says so (RFC 7144 §6.3)`, async () => {
    await using served = await serveTarget();
    const initiator = await open(served, keysOf(level));
    const functions = [queryTask, queryTaskSet, queryAsynchronousEvent, itNexusReset];
    const responses: number[] = [];
    for (const fn of functions) responses.push(await ask(initiator, fn, { referencedTaskTag: 4711 }));
    const expected = level < 2 ? functionNotSupported : functionComplete;
    assert.deepEqual(responses, [level < 2 ? functionNotSupported : taskDoesNotExist, expected, expected, expected]);

    const other = await open(served, keysOf(level), '800000000002');
    const { data } = await other.run(
      ReportSupportedTaskManagementFunctionsCdb.encode({
        operationCode: 0xa3,
        serviceAction: 0x0d,
        allocationLength: 4,
      }),
      { length: 4 },
    );
    assert.deepEqual([...data], level < 2 ? [0xda, 0x00, 0, 0] : [0xde, 0x07, 0, 0]);
  });

  test(`at level ${level} the iSCSI version descriptor is 096${level}h (RFC 7144 §4.2)`, async () => {
    await using served = await serveTarget();
    const initiator = await open(served, keysOf(level));
    const inquiry = InquiryCdb.encode({ operationCode: 0x12, allocationLength: 96 });
    for (const lun of [0, 9]) {
      const { data } = await initiator.run(inquiry, { length: 96, lun });
      const { versionDescriptors } = StandardInquiry.view(data);
      assert.equal(Buffer.from(versionDescriptors).readUInt16BE(2), 0x0960 + level);
    }
  });

  test(`at level ${level} a command with a priority runs like any other (RFC 7144 §5.1.1)`, async () => {
    await using served = await serveTarget();
    const initiator = await open(served, keysOf(level));
    const header = ScsiCommand.encode({
      opcode: Opcode.scsiCommand,
      final: true,
      read: true,
      attribute: 1,
      priority: 0xf,
      lun: encodeLun(0),
      initiatorTaskTag: initiator.newTag(),
      expectedDataTransferLength: BLOCK,
      cmdSN: initiator.cmdSN,
      cdb: read,
    });
    assert.equal(header[2], 0xf0, 'PRI is the high half of byte 2');
    initiator.cmdSN += 1;
    initiator.send(header);
    assert.equal((await initiator.expect(Opcode.dataIn)).dataLength, BLOCK);
    initiator.command(reserve);
    const { statusQualifier } = ScsiResponse.view((await initiator.expect(Opcode.scsiResponse)).header);
    assert.equal(statusQualifier, 0, 'this target has nothing to add to a status (RFC 7144 §5.2.1)');
  });
}

test('QUERY TASK finds a task that is there (RFC 7144 §6.4.2)', async () => {
  await using served = await serveTarget();
  const initiator = await open(served, keysOf(2));
  const { tag, targetTransferTag } = await startWrite(initiator);
  assert.equal(await ask(initiator, queryTask, { referencedTaskTag: tag, refCmdSN: 1 }), functionSucceeded);
  initiator.dataOut(tag, new Uint8Array(BLOCK), { targetTransferTag, dataSN: 0, bufferOffset: 0, final: true });
  assert.equal((await initiator.result(tag)).status, Status.good, 'it was only asked for');
  assert.equal(await ask(initiator, queryTask, { referencedTaskTag: tag, refCmdSN: 1 }), taskDoesNotExist);
});

test('QUERY TASK of a command that has not come counts it as received (RFC 7144 §6.3.3, RFC 7143 §11.6.1 b)', async () => {
  await using served = await serveTarget();
  const initiator = await open(served, keysOf(2));
  const refCmdSN = initiator.cmdSN;
  initiator.cmdSN += 1;
  assert.equal(await ask(initiator, queryTask, { referencedTaskTag: 4711, refCmdSN }), functionComplete);
  initiator.command(reserve, { cmdSN: refCmdSN, initiatorTaskTag: 4711 });
  assert.equal((await initiator.run(testUnitReady)).status, Status.good, 'and it is not answered');
});

test('QUERY TASK of a task management request is rejected (RFC 7144 §6.3)', async () => {
  await using served = await serveTarget();
  const initiator = await open(served, keysOf(2));
  const { tag, targetTransferTag } = await startWrite(initiator);
  const referencedTaskTag = initiator.manage(logicalUnitReset);
  assert.equal(await ask(initiator, queryTask, { referencedTaskTag }), functionRejected);
  initiator.dataOut(tag, new Uint8Array(BLOCK), { targetTransferTag, dataSN: 0, bufferOffset: 0, final: true });
  assert.equal((await initiator.managed()).response, functionComplete);
});

test('QUERY TASK SET asks for commands of the own nexus at one unit (RFC 7144 §6.4.2)', async () => {
  await using served = await serveTarget();
  const one = await open(served, keysOf(2), '800000000001');
  const other = await open(served, keysOf(2), '800000000002');
  await startWrite(one);
  assert.equal(await ask(one, queryTaskSet), functionSucceeded);
  assert.equal(await ask(other, queryTaskSet), functionComplete);
  assert.equal(await ask(one, queryTaskSet, { lun: 3 }), lunDoesNotExist);
  one.manage(TaskManagementFunction.abortTaskSet);
  assert.equal(await ask(one, queryTaskSet), functionComplete, 'what is being ended does not count');
});

test('QUERY ASYNCHRONOUS EVENT names the unit attention that waits, and leaves it there (RFC 7144 §6.4.2)', async () => {
  await using served = await serveTarget();
  const one = await open(served, keysOf(2), '800000000001');
  const other = await open(served, keysOf(2), '800000000002');
  assert.equal(await ask(one, queryAsynchronousEvent), functionComplete);
  assert.equal(await ask(other, logicalUnitReset), functionComplete);
  const reset = AdditionalSense.busDeviceResetFunctionOccurred;
  for (let times = 0; times < 2; times++) {
    one.manage(queryAsynchronousEvent);
    const { response, additionalResponseInformation } = await one.managed();
    assert.equal(response, functionSucceeded);
    // One condition; UNIT ATTENTION; its additional sense code and qualifier (SAM-5, UADE).
    assert.equal(additionalResponseInformation, (0x16 << 16) | reset);
  }
  assert.equal(await ask(other, TaskManagementFunction.targetWarmReset), functionComplete);
  one.manage(queryAsynchronousEvent);
  assert.equal((await one.managed()).additionalResponseInformation, (0x26 << 16) | reset, 'more than one');
  assert.equal(decodeSense((await one.run(testUnitReady)).sense)?.code, reset);
});

test('I_T NEXUS RESET ends what the nexus has, then its session, and nobody else’s (RFC 7144 §6.3)', async () => {
  await using served = await serveTarget();
  const one = await open(served, { ...keysOf(2), ErrorRecoveryLevel: '2', DefaultTime2Retain: '20' }, '800000000001');
  const other = await open(served, keysOf(2), '800000000002');
  assert.equal((await one.run(reserve)).status, Status.good);
  assert.equal((await other.run(testUnitReady)).status, Status.reservationConflict);
  const { tag, targetTransferTag } = await startWrite(one);
  one.manage(itNexusReset);
  // The semantics of functions that end several tasks hold (RFC 7144 §6.5).
  one.dataOut(tag, new Uint8Array(BLOCK), { targetTransferTag, dataSN: 0, bufferOffset: 0, final: true });
  assert.equal((await one.managed()).response, functionComplete);
  await one.closed;
  assert.equal(served.portal.sessions.length, 1, 'Time2Retain does not keep it');
  assert.equal((await other.run(testUnitReady)).status, Status.good, 'its reservation is gone');
});
