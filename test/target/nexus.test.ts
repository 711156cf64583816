/** What happens to tasks, reservations and unit attentions when sessions come, go and reset things. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { Opcode } from '../../src/iscsi/opcode.ts';
import {
  BasicHeader,
  LoginStatus,
  LogoutResponse,
  LogoutResponseCode,
  Reject,
  RejectReason,
  TaskManagementFunction,
  TaskManagementRequest,
  TaskManagementResponse,
  TaskManagementResponseCode,
} from '../../src/iscsi/pdu.ts';
import {
  AdditionalSense,
  decodeSense,
  encodeLun,
  Reserve6Cdb,
  SenseKey,
  Status,
  TestUnitReadyCdb,
  Transfer10Cdb,
} from '../../src/scsi/index.ts';
import { settled } from '../support/simulated-clock.ts';
import { HeldDevice, ioError } from './held-device.ts';
import { INITIATOR, type RawInitiator } from './raw-initiator.ts';
import { serveTarget, TARGET } from './served-target.ts';

const BLOCK = 512;
const testUnitReady = TestUnitReadyCdb.encode({ operationCode: 0x00 });
const reserve = Reserve6Cdb.encode({ operationCode: 0x16 });
const release = Reserve6Cdb.encode({ operationCode: 0x17 });
const read = Transfer10Cdb.encode({ operationCode: 0x28, transferLength: 1 });
const write = Transfer10Cdb.encode({ operationCode: 0x2a, transferLength: 1 });

async function loggedIn(served: { connect(): Promise<RawInitiator> }, isid = '800000000001'): Promise<RawInitiator> {
  const initiator = await served.connect();
  await initiator.login({ targetName: TARGET, isid });
  return initiator;
}

async function senseOf(initiator: RawInitiator, cdb: Uint8Array): Promise<string> {
  const { status, sense } = await initiator.run(cdb);
  const { key = 0, code = 0 } = decodeSense(sense) ?? {};
  return `${status.toString(16)} ${key.toString(16)}/${code.toString(16).padStart(4, '0')}`;
}

const good = '0 0/0000';

function sendManagement(initiator: RawInitiator, fn: number, referencedTaskTag: number): void {
  const header = TaskManagementRequest.encode({
    opcode: Opcode.taskManagementRequest,
    immediate: true,
    final: true,
    function: fn,
    lun: encodeLun(0),
    initiatorTaskTag: initiator.newTag(),
    referencedTaskTag,
    cmdSN: initiator.cmdSN,
  });
  initiator.send(header);
}

async function manage(initiator: RawInitiator, fn: number, referencedTaskTag = 0xffff_ffff): Promise<number> {
  sendManagement(initiator, fn, referencedTaskTag);
  const pdu = await initiator.expect(Opcode.taskManagementResponse);
  return TaskManagementResponse.view(pdu.header).response;
}

test('two sessions of one initiator with different ISIDs live side by side', async () => {
  await using served = await serveTarget();
  const firmware = await loggedIn(served, '00023d000001');
  const system = await loggedIn(served, '00023d000002');
  assert.equal(await senseOf(firmware, testUnitReady), good);
  assert.equal(await senseOf(system, testUnitReady), good);
  assert.equal(served.portal.sessions.length, 2);
});

test('who held something is told that its old session ended when it logs in again', async () => {
  await using served = await serveTarget();
  const old = await loggedIn(served);
  assert.equal(await senseOf(old, reserve), good);
  const renewed = await loggedIn(served);
  await old.closed;
  assert.equal(await senseOf(renewed, testUnitReady), `2 6/${AdditionalSense.iTNexusLossOccurred.toString(16)}`);
  assert.equal(await senseOf(renewed, testUnitReady), good);
  const ended = served.events.filter((event) => event.kind === 'session ended');
  assert.deepEqual(
    ended.map(({ reason }) => reason),
    ['reinstated'],
  );
  assert.equal(served.target.sessions.size, 1);
});

test('who held nothing goes on as if nothing had happened', async () => {
  await using served = await serveTarget();
  const old = await loggedIn(served);
  assert.equal(await senseOf(old, testUnitReady), good);
  const renewed = await loggedIn(served);
  await old.closed;
  assert.equal(await senseOf(renewed, testUnitReady), good);
});

test('a write of the old session reaches the medium before the new session starts', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const old = await loggedIn(served);
  old.command(write, { direction: 'write', length: BLOCK, immediateData: new Uint8Array(BLOCK).fill(1) });
  await device.holding(1);
  const renewed = await loggedIn(served);
  renewed.command(testUnitReady);
  renewed.command(write, { direction: 'write', length: BLOCK, immediateData: new Uint8Array(BLOCK).fill(2) });
  await old.closed;
  // The simulated line needs a few turns of the loop to bring the commands; what is not held back would have begun by then.
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(device.held.length, 1, 'the new session’s write has not begun');
  device.releaseAll();
  await device.holding(1);
  device.releaseAll();
  assert.ok(device.content(0, BLOCK).every((byte) => byte === 2));
});

test('an aborted WRITE is not answered, and the abort only when the device has let go of it', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const initiator = await loggedIn(served);
  const tag = initiator.command(write, { direction: 'write', length: BLOCK, immediateData: new Uint8Array(BLOCK) });
  await device.holding(1);
  sendManagement(initiator, TaskManagementFunction.abortTask, tag);
  for (let pings = 0; pings < 2; pings++) {
    initiator.ping();
    await initiator.expect(Opcode.nopIn);
  }
  device.releaseAll();
  const { response } = TaskManagementResponse.view((await initiator.expect(Opcode.taskManagementResponse)).header);
  assert.equal(response, TaskManagementResponseCode.functionComplete);
  initiator.ping();
  await initiator.expect(Opcode.nopIn);
});

test('ABORT TASK of what is not there', async () => {
  await using served = await serveTarget();
  const initiator = await loggedIn(served);
  const response = await manage(initiator, TaskManagementFunction.abortTask, 4711);
  assert.equal(response, TaskManagementResponseCode.taskDoesNotExist);
});

test('an aborted WRITE that waits for data never writes, and its late data is forgotten', async () => {
  const device = new MemoryDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const initiator = await served.connect();
  await initiator.login({ targetName: TARGET, keys: { ImmediateData: 'No' } });
  const tag = initiator.command(write, { direction: 'write', length: BLOCK });
  await initiator.expect(Opcode.readyToTransfer);
  const response = await manage(initiator, TaskManagementFunction.abortTask, tag);
  assert.equal(response, TaskManagementResponseCode.functionComplete);
  initiator.dataOut(tag, new Uint8Array(BLOCK).fill(9), {
    targetTransferTag: 1,
    dataSN: 0,
    bufferOffset: 0,
    final: true,
  });
  assert.equal(await senseOf(initiator, testUnitReady), good);
  assert.ok(device.read(0, BLOCK).every((part) => part.every((byte) => byte === 0)));
});

for (const [name, fn] of [
  ['LOGICAL UNIT RESET', TaskManagementFunction.logicalUnitReset],
  ['TARGET WARM RESET', TaskManagementFunction.targetWarmReset],
] as const) {
  test(`${name} releases reservations and tells every nexus`, async () => {
    await using served = await serveTarget();
    const one = await loggedIn(served, '800000000001');
    const other = await loggedIn(served, '800000000002');
    assert.equal(await senseOf(one, reserve), good);
    assert.equal(await senseOf(other, testUnitReady), '18 0/0000');
    assert.equal(await manage(other, fn), TaskManagementResponseCode.functionComplete);
    for (const initiator of [one, other]) {
      assert.match(await senseOf(initiator, testUnitReady), /^2 6\/29/);
      assert.equal(await senseOf(initiator, testUnitReady), good);
    }
  });
}

test('TARGET COLD RESET ends every session after its answer', async () => {
  await using served = await serveTarget();
  const one = await loggedIn(served, '800000000001');
  const other = await loggedIn(served, '800000000002');
  assert.equal(await manage(one, TaskManagementFunction.targetColdReset), TaskManagementResponseCode.functionComplete);
  await Promise.all([one.closed, other.closed]);
  assert.equal(served.target.sessions.size, 0);
});

test('CLEAR TASK SET ends the tasks of others and tells them', async () => {
  const device = new MemoryDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const one = await served.connect();
  await one.login({ targetName: TARGET, keys: { ImmediateData: 'No' } });
  one.command(write, { direction: 'write', length: BLOCK });
  await one.expect(Opcode.readyToTransfer);
  const other = await loggedIn(served, '800000000002');
  assert.equal(await manage(other, TaskManagementFunction.clearTaskSet), TaskManagementResponseCode.functionComplete);
  assert.equal(await senseOf(one, testUnitReady), '2 6/2f00');
  assert.equal(await senseOf(other, testUnitReady), good);
});

test('nothing is kept for a session that ended while others ended its tasks', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const one = await loggedIn(served, '800000000001');
  const other = await loggedIn(served, '800000000002');
  one.command(read, { length: BLOCK });
  await device.holding(1);
  other.manage(TaskManagementFunction.clearTaskSet);
  other.ping();
  await other.expect(Opcode.nopIn);
  one.tcp.destroy();
  await settled();
  assert.equal(served.target.sessions.size, 1);
  device.releaseAll();
  assert.equal((await other.managed()).response, TaskManagementResponseCode.functionComplete);
  assert.equal(served.target.units.get(0)?.unitAttentions.any, false);
});

test('a reservation ends with the session of its holder', async () => {
  await using served = await serveTarget();
  const holder = await loggedIn(served, '800000000001');
  const other = await loggedIn(served, '800000000002');
  assert.equal(await senseOf(holder, reserve), good);
  assert.equal(await senseOf(other, reserve), '18 0/0000');
  assert.equal(await senseOf(other, release), good, 'releasing what another holds is no error');
  assert.equal(await senseOf(other, testUnitReady), '18 0/0000');
  holder.logout();
  const response = LogoutResponse.view((await holder.expect(Opcode.logoutResponse)).header);
  assert.equal(response.response, LogoutResponseCode.closed);
  await holder.closed;
  assert.equal(await senseOf(other, testUnitReady), good);
});

test('an ORDERED task waits for those before it and holds back those behind it', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const initiator = await loggedIn(served);
  const first = initiator.command(read, { length: BLOCK });
  const ordered = initiator.command(read, { length: BLOCK, attribute: 2 });
  const behind = initiator.command(read, { length: BLOCK });
  for (const tag of [first, ordered, behind]) {
    await device.holding(1);
    assert.equal(device.held.length, 1);
    device.releaseAll();
    assert.equal((await initiator.result(tag)).status, Status.good);
  }
});

test('what the device raises becomes sense, and an event', async () => {
  const device = new HeldDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const initiator = await loggedIn(served);
  const tag = initiator.command(read, { length: BLOCK });
  await device.holding(1);
  device.held.shift()?.release(ioError());
  const { sense, status } = await initiator.result(tag);
  assert.equal(status, Status.checkCondition);
  assert.equal(decodeSense(sense)?.key, SenseKey.mediumError);
  assert.ok(
    served.events.some((event) => event.kind === 'device failed' && event.error.message === 'the disk is broken'),
  );
});

test('logins that cannot be', async () => {
  await using served = await serveTarget();
  const refused = async (options: Parameters<RawInitiator['tryLogin']>[0]): Promise<unknown> =>
    (await served.connect()).tryLogin(options);
  assert.equal(await refused({ targetName: 'iqn.2026-11.internal.test:other' }), LoginStatus.notFound);
  assert.equal(await refused({ targetName: TARGET, tsih: 99 }), LoginStatus.sessionDoesNotExist);
  assert.equal(await refused({ targetName: TARGET, initiatorName: 'no iSCSI name' }), LoginStatus.initiatorError);
  assert.equal(await refused({}), LoginStatus.missingParameter);
  assert.equal(served.target.sessions.size, 0);
});

test('the owner hears of the login, the first READ and the end', async () => {
  await using served = await serveTarget();
  const initiator = await loggedIn(served, '00023d0000ab');
  await initiator.run(read, { length: BLOCK });
  await initiator.run(read, { length: BLOCK });
  initiator.tcp.end();
  await initiator.closed;
  const kinds = served.events.map((event) =>
    event.kind === 'session ended' ? `${event.kind}: ${event.reason}` : event.kind,
  );
  assert.deepEqual(kinds, ['connected', 'login', 'first read', 'session ended: connection lost']);
  const login = served.events.find((event) => event.kind === 'login');
  assert.equal(login?.session.isid, '00023d0000ab');
  assert.equal(login?.session.initiatorName, INITIATOR);
  assert.equal(login?.session.targetName, TARGET);
});

test('aborts that wait for a stalled device are bounded, and answered when it goes on (RFC 7143 §4.2.2.1)', async () => {
  const device = new HeldDevice(64 * BLOCK);
  await using served = await serveTarget({ device });
  const initiator = await loggedIn(served);
  const tag = initiator.command(write, { direction: 'write', length: BLOCK, immediateData: new Uint8Array(BLOCK) });
  await device.holding(1);
  const asked = 100;
  for (let count = 0; count < asked; count++) sendManagement(initiator, TaskManagementFunction.logicalUnitReset, tag);
  const ping = initiator.ping();
  let rejected = 0;
  for (;;) {
    const pdu = await initiator.next();
    assert.ok(pdu !== undefined);
    const { opcode, initiatorTaskTag } = BasicHeader.view(pdu.header);
    if (opcode === Opcode.nopIn && initiatorTaskTag === ping) break;
    assert.equal(opcode, Opcode.reject);
    assert.equal(Reject.view(pdu.header).reason, RejectReason.immediateCommandReject);
    rejected += 1;
  }
  assert.ok(rejected > 0);
  device.releaseAll();
  for (let left = asked - rejected; left > 0; left--) await initiator.expect(Opcode.taskManagementResponse);
  sendManagement(initiator, TaskManagementFunction.logicalUnitReset, tag);
  await initiator.expect(Opcode.taskManagementResponse);
});
