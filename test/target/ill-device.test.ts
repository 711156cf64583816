/** A device that fails or stalls, seen from the wire: it fails and delays its own commands, and nothing else. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Device } from '../../src/block/device.ts';
import { FaultDevice } from '../../src/block/fault-device.ts';
import { FileDevice } from '../../src/block/file-device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import {
  BasicHeader,
  DataIn,
  NopIn,
  TaskManagementFunction,
  TaskManagementResponse,
  TaskManagementResponseCode,
} from '../../src/iscsi/pdu.ts';
import type { Pdu } from '../../src/iscsi/pdu-reader.ts';
import {
  decodeSense,
  Status,
  SynchronizeCache10Cdb,
  SynchronizeCache16Cdb,
  Transfer10Cdb,
} from '../../src/scsi/index.ts';
import { openDirectory } from '../../src/target/directory.ts';
import type { TargetEvent } from '../../src/target/event.ts';
import { Portal } from '../../src/target/portal.ts';
import { Target } from '../../src/target/target.ts';
import { seededRandom } from '../support/random.ts';
import { SimulatedClock, settled } from '../support/simulated-clock.ts';
import { SimulatedMachine } from '../support/simulated-file-system.ts';
import { SimulatedNetwork } from '../support/simulated-tcp.ts';
import { RawInitiator, type Result } from './raw-initiator.ts';
import { serveTarget, TARGET } from './served-target.ts';

const BLOCK = 512;
const MIB = 1 << 20;
const SIZE = 64 * MIB;
const HOUR = 3_600_000;
const endpoint = { address: '192.0.2.1', port: 3260 };
const { functionComplete, functionRejected } = TaskManagementResponseCode;

/** LUN 0 is ill in its first half, LUN 1 is well. */
const ILL = { offset: 0, length: SIZE / 2 };
const WELL_BLOCK = SIZE / 2 / BLOCK;

async function serve() {
  const clock = new SimulatedClock();
  const ill = new FaultDevice(new MemoryDevice(SIZE), clock);
  const units = new Map<number, Device>([
    [0, ill],
    [1, new MemoryDevice(SIZE)],
  ]);
  const events: TargetEvent[] = [];
  const network = new SimulatedNetwork();
  const target = new Target({ name: TARGET, units });
  const directory = openDirectory([target]);
  const portal = await Portal.open({ network, endpoint, clock, directory, onEvent: (event) => events.push(event) });
  const connect = async () => new RawInitiator(await network.connectTcp(endpoint));
  return {
    clock,
    ill,
    events,
    connect,
    async login(isid: string) {
      const initiator = await connect();
      await initiator.login({ targetName: TARGET, isid });
      return initiator;
    },
    async [Symbol.asyncDispose]() {
      const closing = portal.close();
      await clock.pass(2 * HOUR);
      await closing;
    },
  };
}

function read(block: number, blocks: number): Uint8Array {
  return Transfer10Cdb.encode({ operationCode: 0x28, logicalBlockAddress: block, transferLength: blocks });
}

function write(block: number, blocks: number): Uint8Array {
  return Transfer10Cdb.encode({ operationCode: 0x2a, logicalBlockAddress: block, transferLength: blocks });
}

const flush = SynchronizeCache10Cdb.encode({ operationCode: 0x35 });
const flush16 = SynchronizeCache16Cdb.encode({ operationCode: 0x91 });

const reserve6 = Uint8Array.of(0x16, 0, 0, 0, 0, 0);

function readAt(initiator: RawInitiator, lun: number, block: number, blocks = 1): Promise<Result> {
  return initiator.run(read(block, blocks), { lun, length: blocks * BLOCK });
}

function writeCommand(initiator: RawInitiator, block: number): number {
  const immediateData = new Uint8Array(BLOCK).fill(9);
  return initiator.command(write(block, 1), { direction: 'write', length: BLOCK, immediateData });
}

/** The next PDU that is no ping of the target's; those are answered. */
async function nextAnswer(initiator: RawInitiator): Promise<Pdu> {
  for (;;) {
    const pdu = await initiator.next();
    assert.ok(pdu, 'the connection is over');
    if (BasicHeader.view(pdu.header).opcode !== Opcode.nopIn) return pdu;
    const { initiatorTaskTag, targetTransferTag } = NopIn.view(pdu.header);
    if (initiatorTaskTag !== RESERVED_TAG) return pdu;
    initiator.pong(targetTransferTag);
  }
}

async function ping(initiator: RawInitiator): Promise<void> {
  const tag = initiator.ping();
  assert.equal(NopIn.view((await nextAnswer(initiator)).header).initiatorTaskTag, tag);
}

/** Lets an hour go by in which the initiator shows that it is there. */
async function passHour(clock: SimulatedClock, initiator: RawInitiator, during: (pdu: Pdu) => void = () => {}) {
  for (let minute = 0; minute < 60; minute++) {
    await clock.pass(60_000);
    const tag = initiator.ping();
    for (let pdu = await nextAnswer(initiator); ; pdu = await nextAnswer(initiator)) {
      const { opcode, initiatorTaskTag } = BasicHeader.view(pdu.header);
      if (opcode === Opcode.nopIn && initiatorTaskTag === tag) break;
      during(pdu);
    }
  }
}

async function managed(initiator: RawInitiator): Promise<number> {
  const { header } = await nextAnswer(initiator);
  assert.equal(BasicHeader.view(header).opcode, Opcode.taskManagementResponse);
  return TaskManagementResponse.view(header).response;
}

/** Key and additional sense code. */
function senseOf({ status, sense }: Result): string {
  assert.equal(status, Status.checkCondition);
  const { key, code } = decodeSense(sense) ?? {};
  return `${key?.toString(16)}/${code?.toString(16).padStart(4, '0')}`;
}

test('a medium that fails gives MEDIUM ERROR to the commands that touch it, and to no others', async () => {
  await using served = await serve();
  const [one, other] = [await served.login('800000000001'), await served.login('800000000002')];
  served.ill.inject({ range: ILL, error: 'DEVICE_IO', operations: ['read', 'write', 'unmap', 'writeZeroes'] });
  for (let round = 0; round < 3; round++) {
    assert.equal(senseOf(await readAt(one, 0, 0)), '3/1100');
    assert.equal(senseOf(await one.result(writeCommand(one, 0))), '3/0c00');
    assert.equal((await readAt(one, 0, WELL_BLOCK)).status, Status.good);
    assert.equal((await readAt(one, 1, 0)).status, Status.good);
    assert.equal((await readAt(other, 0, WELL_BLOCK)).status, Status.good);
    assert.equal((await other.run(flush)).status, Status.good);
  }
  served.ill.inject({ operations: ['flush'], error: 'DEVICE_IO', times: 1 });
  assert.equal(senseOf(await other.run(flush)), '3/0c00');
  assert.equal((await readAt(other, 0, WELL_BLOCK)).status, Status.good);
});

test('reads that stall keep up nothing but themselves, however many there are', async () => {
  await using served = await serve();
  const one = await served.login('800000000001');
  await ping(one);
  served.ill.inject({ range: ILL, operations: ['read'], delay: HOUR });
  const blocks = MIB / BLOCK;
  const stalled = Array.from({ length: 30 }, (_, at) => one.command(read(at * blocks, blocks), { length: MIB }));
  await settled();
  await ping(one);
  assert.equal((await readAt(one, 1, 0, 128)).status, Status.good, 'another LUN of the session');
  assert.equal((await readAt(one, 1, 0, blocks)).status, Status.good, 'a large read there');
  assert.equal((await readAt(one, 0, WELL_BLOCK, 128)).status, Status.good, 'what the LUN has at hand');
  const other = await served.login('800000000002');
  assert.equal((await readAt(other, 0, WELL_BLOCK, blocks)).status, Status.good, 'another session');
  // The keepalive hears the initiator all the time, and the reads come to their end when the device does.
  const answered = new Set<number>();
  await passHour(served.clock, one, ({ header }) => {
    const { opcode, initiatorTaskTag } = BasicHeader.view(header);
    assert.equal(opcode, Opcode.dataIn);
    if (DataIn.view(header).hasStatus) answered.add(initiatorTaskTag);
  });
  // The last of them were not begun before there was room.
  await passHour(served.clock, one, ({ header }) => {
    if (DataIn.view(header).hasStatus) answered.add(BasicHeader.view(header).initiatorTaskTag);
  });
  assert.deepEqual([...answered].sort(), [...stalled].sort());
  assert.ok(!served.events.some(({ kind }) => kind === 'session ended'));
});

test('stalled reads and flushes are aborted at once: they change nothing (RFC 7143 §4.2.3.3)', async () => {
  await using served = await serve();
  const one = await served.login('800000000001');
  served.ill.inject({ range: ILL, operations: ['read', 'flush'], delay: HOUR });
  const blocks = MIB / BLOCK;
  const tags = Array.from({ length: 30 }, (_, at) => one.command(read(at * blocks, blocks), { length: MIB }));
  const flushing = [one.command(flush), one.command(flush16)];
  await settled();
  for (const tag of [tags[0] ?? 0, tags[29] ?? 0, ...flushing]) {
    one.manage(TaskManagementFunction.abortTask, { referencedTaskTag: tag });
    assert.equal(await managed(one), functionComplete);
  }
  one.manage(TaskManagementFunction.logicalUnitReset);
  assert.equal(await managed(one), functionComplete);
  await served.clock.pass(2 * HOUR);
  await ping(one);
});

test('an abort of a stalled WRITE is answered within ten seconds, and what it could not do is not claimed', async () => {
  await using served = await serve();
  const one = await served.login('800000000001');
  const recover = served.ill.inject({ range: ILL, operations: ['write'], delay: HOUR });
  const tag = writeCommand(one, 0);
  await settled();
  for (const [fn, referenced] of [
    [TaskManagementFunction.abortTask, tag],
    [TaskManagementFunction.logicalUnitReset, undefined],
    [TaskManagementFunction.targetWarmReset, undefined],
  ] as const) {
    one.manage(fn, referenced === undefined ? {} : { referencedTaskTag: referenced });
    await served.clock.pass(9_999);
    await ping(one);
    await served.clock.pass(1);
    assert.equal(await managed(one), functionRejected);
  }
  assert.equal((await readAt(one, 1, 0)).status, Status.good);
  recover();
  await passHour(served.clock, one);
  one.manage(TaskManagementFunction.logicalUnitReset);
  assert.equal(await managed(one), functionComplete, 'once the device has let go of it');
});

test('a connection that takes the place of one whose WRITE stalls is not kept waiting for ever (RFC 7143 §6.3.4)', async () => {
  await using served = await serve();
  const old = await served.login('800000000001');
  served.ill.inject({ range: ILL, operations: ['write'], delay: HOUR, times: 1 });
  writeCommand(old, 0);
  await settled();
  const { tsih } = old;
  const impatient = await served.connect();
  await impatient.login({ targetName: TARGET, isid: '800000000001', tsih });
  await old.closed;
  await served.clock.pass(9_999);
  impatient.ping();
  await served.clock.pass(1);
  await impatient.closed;
  assert.equal(await impatient.next(), undefined, 'it was never let at the medium');
  await settled();
  assert.equal(
    served.events.filter(({ kind }) => kind === 'session ended').length,
    1,
    'a session of nobody is not kept until the device answers',
  );
  await served.clock.pass(HOUR);
  const again = await served.login('800000000001');
  assert.equal((await readAt(again, 0, 0)).data[0], 9);
});

test('a disk whose page cache stalls delays its own writes: other sessions and units are served', async () => {
  const machine = new SimulatedMachine(seededRandom(1));
  const file = machine.fileSystem.open('slow', 'create');
  file.truncate(MIB);
  machine.writesLater = () => true;
  const units = new Map<number, Device>([
    [0, new FileDevice(file, 'slow', MIB, {})],
    [1, new MemoryDevice(MIB)],
  ]);
  const served = await serveTarget({ units });
  const one = await served.login();
  const other = await served.login({}, { isid: '400001370003' });
  writeCommand(one, 0);
  writeCommand(one, 0);
  await settled();
  assert.equal(machine.waiting, 1, 'the second write waits for the first one');
  await ping(one);
  const data = new Uint8Array(BLOCK).fill(3);
  const onWell = { direction: 'write', length: BLOCK, immediateData: data, lun: 1 } as const;
  assert.equal((await other.run(write(5, 1), onWell)).status, Status.good);
  assert.deepEqual((await readAt(other, 1, 5)).data, Buffer.from(data));
  assert.equal(machine.waiting, 1);
  await machine.settle();
  for (let answer = 0; answer < 2; answer++) {
    assert.equal(BasicHeader.view((await nextAnswer(one)).header).opcode, Opcode.scsiResponse);
  }
  const reading = readAt(other, 0, 0);
  await settled();
  await machine.settle();
  assert.deepEqual((await reading).data, Buffer.alloc(BLOCK, 9));
  const closing = served[Symbol.asyncDispose]();
  await settled();
  await machine.settle(); // the flush of a target that closes
  await closing;
});

test('a reset that a stalled WRITE outlasts happens as a whole, and is told, when the device is done (RFC 7143 §11.5.1)', async () => {
  await using served = await serve();
  const [one, other] = [await served.login('800000000001'), await served.login('800000000002')];
  assert.equal((await one.run(reserve6, { direction: 'none' })).status, Status.good);
  served.ill.inject({ range: ILL, operations: ['write'], delay: 15_000, times: 1 });
  writeCommand(one, 0);
  await settled();
  one.manage(TaskManagementFunction.logicalUnitReset);
  await served.clock.pass(10_000);
  assert.equal(await managed(one), functionRejected);
  assert.equal((await readAt(other, 0, WELL_BLOCK)).status, Status.reservationConflict, 'nothing has been reset');
  await served.clock.pass(5_000);
  assert.equal(senseOf(await readAt(other, 0, WELL_BLOCK)), '6/2903');
  assert.equal((await readAt(other, 0, WELL_BLOCK)).status, Status.good);
});
