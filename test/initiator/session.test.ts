import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DisklessError, ProtocolError } from '../../src/bytes/index.ts';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import {
  AsyncEvent,
  AsyncMessage,
  DataIn,
  DataOut,
  LoginRequest,
  LogoutRequest,
  NopIn,
  NopOut,
  ReadyToTransfer,
  ScsiCommand,
  TaskManagementFunction,
  TaskManagementRequest,
  TaskManagementResponse,
} from '../../src/iscsi/pdu.ts';
import type { Pdu } from '../../src/iscsi/pdu-reader.ts';
import type { ScriptedPeer } from '../support/scripted-target.ts';
import { settled } from '../support/simulated-clock.ts';
import { byteByByte } from '../support/simulated-tcp.ts';
import { acceptLogout, lun, opcodeOf, openSession, pattern, portal, respond, rig, targetName } from './support.ts';

const read10 = Uint8Array.of(0x28, 0, 0, 0, 0, 0, 0, 0, 8, 0);
const write10 = Uint8Array.of(0x2a, 0, 0, 0, 0, 0, 0, 0, 8, 0);
const testUnitReady = new Uint8Array(6);

function dataIn(command: Pdu, offset: number, dataSN: number, last: boolean) {
  const { initiatorTaskTag } = ScsiCommand.view(command.header);
  return DataIn.encode({
    opcode: Opcode.dataIn,
    final: last,
    hasStatus: last,
    initiatorTaskTag,
    targetTransferTag: RESERVED_TAG,
    dataSN,
    bufferOffset: offset,
  });
}

test('a login says who wants what, and a logout ends it without anything left', async () => {
  const all = rig(undefined, { isid: Uint8Array.of(0x80, 1, 2, 3, 4, 5) });
  const opening = all.initiator.login(portal, targetName);
  const peer = await all.target.accept();
  const { request, keys } = await peer.logIn({ TargetAlias: 'a disk' });
  const first = LoginRequest.view(request.header);
  assert.equal(first.tsih, 0);
  assert.equal(first.immediate, true);
  assert.deepEqual([...first.isid], [0x80, 1, 2, 3, 4, 5]);
  assert.equal(keys.get('InitiatorName'), 'iqn.2001-04.com.example:client');
  assert.equal(keys.get('TargetName'), targetName);
  assert.equal(keys.get('SessionType'), 'Normal');
  const session = await opening;
  assert.equal(session.login.tsih, 7);
  assert.equal(session.login.targetPortalGroupTag, 1);
  assert.equal(session.login.targetAlias, 'a disk');

  const closing = session.close();
  const logout = LogoutRequest.view((await acceptLogout(peer)).header);
  assert.equal(logout.opcode, Opcode.logoutRequest);
  assert.equal(logout.reason, 0);
  await closing;
  assert.equal(await session.closed, undefined);
  await settled();
  assert.ok(peer.closed);
  assert.equal(all.clock.pending, 0);
  await assert.rejects(session.execute({ lun, cdb: testUnitReady }), { code: 'ISCSI_SESSION_CLOSED' });
  await session.close();
});

for (const [way, line] of [
  ['whole', {}],
  ['byte by byte', { cut: byteByByte }],
] as const) {
  test(`Data-In that arrives ${way} is put together in order`, async () => {
    const { session, peer } = await openSession(rig(line));
    const expected = pattern(4096);
    const running = session.execute({ lun, cdb: read10, readLength: 4096 });
    const command = await peer.next();
    const header = ScsiCommand.view(command.header);
    assert.equal(header.expectedDataTransferLength, 4096);
    assert.equal(header.read, true);
    assert.equal(header.final, true);
    assert.equal(header.cmdSN, 1);
    assert.deepEqual([...header.lun], [...lun]);
    peer.send(dataIn(command, 0, 0, false), expected.subarray(0, 1000), false);
    peer.send(dataIn(command, 1000, 1, false), expected.subarray(1000, 1003), false);
    peer.send(dataIn(command, 1003, 2, true), expected.subarray(1003));
    const result = await running;
    assert.equal(result.status, 0);
    assert.deepEqual(Buffer.concat(result.data), Buffer.from(expected));
  });
}

const misplaced: readonly (readonly [string, number, number, number])[] = [
  ['in the wrong place', 512, 0, 512],
  ['with a number left out', 0, 1, 512],
  ['beyond what was asked for', 0, 0, 4097],
];

for (const [what, offset, dataSN, length] of misplaced) {
  test(`Data-In ${what} ends the session with a protocol error`, async () => {
    const { session, peer } = await openSession(rig());
    const running = session.execute({ lun, cdb: read10, readLength: 4096 });
    const command = await peer.next();
    peer.send(dataIn(command, offset, dataSN, true), pattern(length));
    await assert.rejects(running, { name: 'ProtocolError', code: 'ISCSI_DATA_IN_ORDER' });
    assert.ok((await session.closed) instanceof ProtocolError);
  });
}

/** A target's side of one WRITE: takes what is sent unasked, asks for the rest, checks every rule on the way. */
async function takeWrite(peer: ScriptedPeer, keys: WriteKeys, maxBurst: () => number): Promise<Uint8Array> {
  const command = await peer.next();
  const header = ScsiCommand.view(command.header);
  const total = header.expectedDataTransferLength;
  const received = new Uint8Array(total);
  let at = 0;
  const take = (pdu: Pdu) => {
    for (const part of pdu.data) {
      received.set(part, at);
      at += part.length;
    }
  };
  assert.ok(command.dataLength === 0 || keys.immediateData, 'immediate data only when it was agreed');
  assert.ok(command.dataLength <= Math.min(keys.firstBurst, keys.segment));
  take(command);
  let dataSN = 0;
  const takeSequence = async (targetTransferTag: number, limit: number) => {
    dataSN = 0;
    const start = at;
    for (let final = false; !final; dataSN++) {
      const pdu = await peer.next();
      const out = DataOut.view(pdu.header);
      assert.equal(opcodeOf(pdu), Opcode.dataOut);
      assert.equal(out.targetTransferTag, targetTransferTag);
      assert.equal(out.initiatorTaskTag, header.initiatorTaskTag);
      assert.equal(out.dataSN, dataSN);
      assert.equal(out.bufferOffset, at);
      assert.ok(pdu.dataLength > 0 && pdu.dataLength <= keys.segment);
      take(pdu);
      assert.ok(at - start <= limit);
      final = out.final;
    }
  };
  if (!header.final) {
    assert.ok(!keys.initialR2T, 'unsolicited data only when it was agreed');
    await takeSequence(RESERVED_TAG, keys.firstBurst - at);
    assert.ok(at <= keys.firstBurst);
  } else if (!keys.initialR2T) {
    assert.equal(at, Math.min(total, keys.firstBurst), 'what may be sent unasked is sent');
  }
  for (let r2tSN = 0; at < total; r2tSN++) {
    const length = Math.min(total - at, maxBurst());
    const end = at + length;
    const { initiatorTaskTag } = header;
    const fields = { initiatorTaskTag, targetTransferTag: 500 + r2tSN, r2tSN, bufferOffset: at };
    peer.send(
      ReadyToTransfer.encode({
        opcode: Opcode.readyToTransfer,
        lun,
        final: true,
        ...fields,
        desiredDataTransferLength: length,
      }),
      undefined,
      false,
    );
    await takeSequence(500 + r2tSN, length);
    assert.equal(at, end, 'exactly what the R2T asked for');
  }
  assert.equal(peer.unread, 0, 'and nothing more');
  respond(peer, command);
  return received;
}

interface WriteKeys {
  readonly immediateData: boolean;
  readonly initialR2T: boolean;
  readonly firstBurst: number;
  readonly segment: number;
}

test('a WRITE obeys every mix of ImmediateData, InitialR2T, bursts and segments', async () => {
  const keys = fc.record({
    immediateData: fc.boolean(),
    initialR2T: fc.boolean(),
    firstBurst: fc.integer({ min: 512, max: 8192 }),
    maxBurst: fc.integer({ min: 8192, max: 16_384 }),
    segment: fc.integer({ min: 512, max: 9000 }),
    length: fc.integer({ min: 1, max: 40_000 }),
    cuts: fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(keys, async ({ length, cuts, maxBurst, ...given }) => {
      const { session, peer } = await openSession(rig(), {
        ImmediateData: given.immediateData ? 'Yes' : 'No',
        InitialR2T: given.initialR2T ? 'Yes' : 'No',
        FirstBurstLength: String(given.firstBurst),
        MaxBurstLength: String(maxBurst),
        MaxRecvDataSegmentLength: String(given.segment),
      });
      const data = pattern(length);
      const edges = [0, ...cuts.filter((cut) => cut < length).sort((a, b) => a - b), length];
      const parts = edges.slice(1).map((end, index) => data.subarray(edges[index], end));
      const running = session.execute({ lun, cdb: write10, write: parts });
      const taken = takeWrite(peer, given, () => maxBurst);
      assert.equal((await running).status, 0);
      assert.deepEqual(Buffer.from(await taken), Buffer.from(data));
      const closing = session.close();
      await acceptLogout(peer);
      await closing;
    }),
    { numRuns: 60 },
  );
});

test('an R2T for data that is not there ends the session', async () => {
  const { session, peer } = await openSession(rig(), { ImmediateData: 'No', InitialR2T: 'Yes' });
  const running = session.execute({ lun, cdb: write10, write: [pattern(4096)] });
  const { initiatorTaskTag } = ScsiCommand.view((await peer.next()).header);
  const fields = { initiatorTaskTag, targetTransferTag: 1, bufferOffset: 4000, desiredDataTransferLength: 97 };
  peer.send(ReadyToTransfer.encode({ opcode: Opcode.readyToTransfer, final: true, lun, ...fields }), undefined, false);
  await assert.rejects(running, { code: 'ISCSI_R2T_RANGE' });
});

test('a CDB of more than 16 bytes goes on in additional headers (RFC 7143 §11.2.2.3)', async () => {
  const { session, peer } = await openSession(rig());
  const cdb = Uint8Array.from({ length: 33 }, (_, index) => index + 1);
  const long = session.execute({ lun, cdb, write: [pattern(8)] });
  const short = session.execute({ lun, cdb: testUnitReady });
  const command = await peer.next();
  assert.equal(ScsiCommand.view(command.header).totalAHSLength, 6);
  assert.deepEqual(Buffer.from(ScsiCommand.view(command.header).cdb), Buffer.from(cdb.subarray(0, 16)));
  const ahs = Buffer.concat([Buffer.of(0, 18, 1, 0), cdb.subarray(16), Buffer.alloc(3)]);
  assert.deepEqual(Buffer.from(command.ahs), ahs);
  assert.deepEqual(Buffer.concat(command.data), Buffer.from(pattern(8)));
  const next = await peer.next();
  assert.equal(ScsiCommand.view(next.header).totalAHSLength, 0);
  respond(peer, command);
  respond(peer, next);
  assert.deepEqual([(await long).status, (await short).status], [0, 0]);
});

test('commands wait for the window', async () => {
  const { session, peer } = await openSession(rig());
  const many = Array.from({ length: 40 }, () => session.execute({ lun, cdb: testUnitReady }));
  await settled();
  assert.equal(peer.unread, 32);
  peer.window = 4;
  const numbers: number[] = [];
  for (let index = 0; index < 40; index++) {
    const command = await peer.next();
    numbers.push(ScsiCommand.view(command.header).cmdSN);
    respond(peer, command);
    await settled();
    // The first answer makes room for four more than the 32 that came; the second for the rest.
    assert.equal(peer.unread, index === 0 ? 35 : 39 - index);
  }
  assert.deepEqual(
    numbers,
    Array.from({ length: 40 }, (_, index) => index + 1),
  );
  assert.ok((await Promise.all(many)).every(({ status }) => status === 0));
});

test('a target that never opens its window is given up', async () => {
  const all = rig({}, { timeouts: { command: 30_000, keepaliveInterval: 100_000 } });
  const { session, peer } = await openSession(all);
  peer.window = 0;
  const first = Array.from({ length: 32 }, () => session.execute({ lun, cdb: testUnitReady }));
  const late = session.execute({ lun, cdb: testUnitReady });
  const rejected = assert.rejects(late, { code: 'ISCSI_TIMEOUT' });
  for (let index = 0; index < 32; index++) respond(peer, await peer.next());
  await Promise.all(first);
  await all.clock.pass(29_999);
  assert.equal(peer.unread, 0);
  await all.clock.pass(1);
  await rejected;
  assert.equal(all.clock.pending, 0);
});

test("a target's ping is answered with its tag, and uses up no StatSN", async () => {
  const { peer } = await openSession(rig());
  const before = peer.statSN;
  const ping = { opcode: Opcode.nopIn, final: true, lun, initiatorTaskTag: RESERVED_TAG, targetTransferTag: 77 };
  peer.send(NopIn.encode(ping), undefined, false);
  const answer = NopOut.view((await peer.next()).header);
  assert.equal(answer.opcode, Opcode.nopOut);
  assert.equal(answer.immediate, true);
  assert.equal(answer.initiatorTaskTag, RESERVED_TAG);
  assert.equal(answer.targetTransferTag, 77);
  assert.deepEqual([...answer.lun], [...lun]);
  assert.equal(answer.expStatSN, before);
});

test('ExpStatSN never goes back: an older StatSN changes nothing (RFC 7143 §4.2.2.2)', async () => {
  const { session, peer } = await openSession(rig());
  const run = async () => {
    const running = session.execute({ lun, cdb: testUnitReady });
    const command = await peer.next();
    respond(peer, command);
    await running;
    return ScsiCommand.view(command.header).expStatSN;
  };
  const first = await run();
  peer.statSN -= 5;
  await run();
  assert.equal(await run(), first + 1);
});

test('an answer that is left out ends the session: it cannot be asked for again (RFC 7143 §7.9)', async () => {
  for (const [from, skipped] of [
    [100, 1],
    [0xffff_ffff, 2],
    [0x7fff_ffff, 1000],
  ] as const) {
    const all = rig();
    const opening = all.initiator.login(portal, targetName);
    const peer = await all.target.accept();
    peer.statSN = (from - 2) >>> 0;
    await peer.logIn();
    const session = await opening;
    const lost = assert.rejects(session.execute({ lun, cdb: testUnitReady }), { code: 'ISCSI_STATUS_ORDER' });
    const answered = assert.rejects(session.execute({ lun, cdb: testUnitReady }), { code: 'ISCSI_STATUS_ORDER' });
    await peer.next();
    peer.statSN = (peer.statSN + skipped) >>> 0;
    respond(peer, await peer.next());
    await Promise.all([lost, answered]);
    await session.closed;
    assert.equal(all.clock.pending, 0);
  }
});

test('a silent target is pinged, and given up when it does not answer', async () => {
  const all = rig(undefined, { timeouts: { keepaliveInterval: 5000, keepaliveTimeout: 3000 } });
  const { session, peer } = await openSession(all);
  await all.clock.pass(4999);
  assert.equal(peer.unread, 0);
  await all.clock.pass(1);
  const ping = NopOut.view((await peer.next()).header);
  assert.notEqual(ping.initiatorTaskTag, RESERVED_TAG);
  assert.equal(ping.targetTransferTag, RESERVED_TAG);
  const { initiatorTaskTag } = ping;
  peer.send(NopIn.encode({ opcode: Opcode.nopIn, final: true, initiatorTaskTag, targetTransferTag: RESERVED_TAG }));

  await all.clock.pass(5000);
  await peer.next();
  const running = session.execute({ lun, cdb: testUnitReady });
  const rejected = assert.rejects(running, { code: 'ISCSI_TIMEOUT' });
  await all.clock.pass(3000);
  await rejected;
  assert.match(String(await session.closed), /did not answer a ping/);
  assert.equal(all.clock.pending, 0);
});

test('a command out of time is aborted at the target, and the session goes on', async () => {
  const all = rig(undefined, { timeouts: { command: 1000 } });
  const { session, peer } = await openSession(all);
  const running = session.execute({ lun, cdb: read10, readLength: 512 });
  const rejected = assert.rejects(running, { code: 'ISCSI_TIMEOUT' });
  const command = ScsiCommand.view((await peer.next()).header);
  await all.clock.pass(1000);
  const abort = TaskManagementRequest.view((await peer.next()).header);
  assert.equal(abort.function, TaskManagementFunction.abortTask);
  assert.equal(abort.referencedTaskTag, command.initiatorTaskTag);
  assert.equal(abort.refCmdSN, command.cmdSN);
  const { initiatorTaskTag } = abort;
  peer.send(TaskManagementResponse.encode({ opcode: Opcode.taskManagementResponse, final: true, initiatorTaskTag }));
  await rejected;
  const next = session.execute({ lun, cdb: testUnitReady });
  respond(peer, await peer.next());
  assert.equal((await next).status, 0);
});

test('sense data reaches the caller', async () => {
  const { session, peer } = await openSession(rig());
  const running = session.execute({ lun, cdb: read10, readLength: 512 });
  const sense = Uint8Array.of(0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x21, 0, 0, 0, 0, 0);
  respond(peer, await peer.next(), 2, sense);
  const result = await running;
  assert.equal(result.status, 2);
  assert.deepEqual(result.sense, { key: 5, code: 0x2100 });
});

test('a target that asks for a logout gets one; one that drops the session ends it', async () => {
  const first = await openSession(rig());
  const ask = { opcode: Opcode.asyncMessage, final: true, initiatorTaskTag: RESERVED_TAG };
  first.peer.send(AsyncMessage.encode({ ...ask, asyncEvent: AsyncEvent.logoutRequested }));
  assert.equal(opcodeOf(await acceptLogout(first.peer)), Opcode.logoutRequest);
  assert.equal(await first.session.closed, undefined);

  const second = await openSession(rig());
  const running = second.session.execute({ lun, cdb: testUnitReady });
  await second.peer.next();
  second.peer.send(AsyncMessage.encode({ ...ask, asyncEvent: AsyncEvent.sessionDropped }));
  await assert.rejects(running, { code: 'ISCSI_SESSION_DROPPED' });
});

test('behind the logout nothing is sent: no ping, no text, no abort (RFC 7143 §11.14)', async () => {
  const all = rig({}, { timeouts: { command: 3000, exchange: 9000, keepaliveInterval: 2000 } });
  const { session, peer } = await openSession(all);
  const stuck = assert.rejects(session.execute({ lun, cdb: testUnitReady, timeout: 7000 }));
  await peer.next();
  const ask = { opcode: Opcode.asyncMessage, final: true, initiatorTaskTag: RESERVED_TAG };
  peer.send(AsyncMessage.encode({ ...ask, asyncEvent: AsyncEvent.logoutRequested, parameter3: 2 }));
  await all.clock.pass(1000);
  assert.equal(opcodeOf(await peer.next()), Opcode.logoutRequest);
  await assert.rejects(session.exchangeText(new Uint8Array(0)), { code: 'ISCSI_SESSION_CLOSED' });
  await all.clock.pass(8999);
  assert.equal(peer.unread, 0);
  await all.clock.pass(1);
  await stuck;
  await session.closed;
  assert.equal(all.clock.pending, 0);
});

test('a connection that ends takes everything outstanding with it', async () => {
  const all = rig();
  const { session, peer } = await openSession(all);
  const running = Array.from({ length: 40 }, () => session.execute({ lun, cdb: testUnitReady }));
  await settled();
  peer.close();
  for (const each of await Promise.allSettled(running)) {
    assert.ok(each.status === 'rejected' && each.reason.code === 'ISCSI_CONNECTION_LOST');
  }
  assert.equal(all.clock.pending, 0);
});

test('whatever bytes a target sends, the session ends with a protocol error or waits for more', async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    // A plausible opcode gets further.
    fc
      .tuple(
        fc.constantFrom(0x20, 0x21, 0x22, 0x24, 0x25, 0x26, 0x31, 0x32, 0x3f),
        fc.uint8Array({ minLength: 47, maxLength: 400 }),
      )
      .map(([opcode, rest]) => Uint8Array.of(opcode, ...rest.with(3, 0).with(4, 0).with(5, 0))),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(bytes, { maxLength: 6 }), async (chunks) => {
      const { session, peer } = await openSession(rig());
      const running = [
        session.execute({ lun, cdb: read10, readLength: 4096 }),
        session.execute({ lun, cdb: write10, write: [pattern(100_000)] }),
      ];
      for (const each of running) each.catch(() => {});
      await settled();
      for (const chunk of chunks) peer.sendBytes(chunk);
      await settled();
      session.destroy(new DisklessError('TEST_OVER', 'the test is over'));
      const reason = await session.closed;
      assert.ok(reason === undefined || reason instanceof DisklessError);
      await Promise.allSettled(running);
    }),
    { numRuns: 200 },
  );
});
