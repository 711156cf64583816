import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import { AsyncEvent, AsyncMessage, BasicHeader, DataIn, NopIn, Reject, RejectReason } from '../../src/iscsi/pdu.ts';
import {
  AdditionalSense,
  decodeSense,
  ReadCapacity10Cdb,
  SenseKey,
  Status,
  Transfer10Cdb,
  Transfer16Cdb,
  WriteSame16Cdb,
} from '../../src/scsi/index.ts';
import { byteByByte } from '../support/simulated-tcp.ts';
import type { RawInitiator } from './raw-initiator.ts';
import { serveTarget, TARGET } from './served-target.ts';

const READ10 = 0x28;
const WRITE10 = 0x2a;
const BLOCK = 512;

function read10(lba: number, blocks: number): Uint8Array {
  return Transfer10Cdb.encode({ operationCode: READ10, logicalBlockAddress: lba, transferLength: blocks });
}

function write10(lba: number, blocks: number): Uint8Array {
  return Transfer10Cdb.encode({ operationCode: WRITE10, logicalBlockAddress: lba, transferLength: blocks });
}

/** Bytes that tell where they belong. */
function pattern(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + seed + (index >> 9)) & 0xff);
}

async function loggedIn(served: { connect(): Promise<RawInitiator> }, keys = {}): Promise<RawInitiator> {
  const initiator = await served.connect();
  await initiator.login({ targetName: TARGET, keys });
  return initiator;
}

test('a READ is answered by Data-In PDUs of the initiator’s length, the last one with the status', async () => {
  const content = pattern(64 * BLOCK);
  await using served = await serveTarget({ device: new MemoryDevice(content) });
  const initiator = await loggedIn(served, { MaxRecvDataSegmentLength: '8192' });
  const result = await initiator.run(read10(2, 40), { length: 40 * BLOCK });
  assert.equal(result.status, Status.good);
  assert.deepEqual(result.data, Buffer.from(content.subarray(2 * BLOCK, 42 * BLOCK)));
  const views = result.pdus.map((pdu) => DataIn.view(pdu.header));
  assert.deepEqual(
    views.map(({ dataSegmentLength, dataSN, bufferOffset, hasStatus, final }) => ({
      dataSegmentLength,
      dataSN,
      bufferOffset,
      hasStatus,
      final,
    })),
    [
      { dataSegmentLength: 8192, dataSN: 0, bufferOffset: 0, hasStatus: false, final: false },
      { dataSegmentLength: 8192, dataSN: 1, bufferOffset: 8192, hasStatus: false, final: false },
      { dataSegmentLength: 4096, dataSN: 2, bufferOffset: 16_384, hasStatus: true, final: true },
    ],
  );
});

test('sequences of Data-In end at MaxBurstLength', async () => {
  await using served = await serveTarget({ device: new MemoryDevice(64 * BLOCK) });
  const initiator = await loggedIn(served, { MaxRecvDataSegmentLength: '4096', MaxBurstLength: '6144' });
  const result = await initiator.run(read10(0, 24), { length: 24 * BLOCK });
  const ends = result.pdus.map((pdu) => DataIn.view(pdu.header)).map((view) => [view.dataSegmentLength, view.final]);
  assert.deepEqual(ends, [
    [4096, false],
    [2048, true],
    [4096, false],
    [2048, true],
  ]);
});

test('READ CAPACITY, byte for byte', async () => {
  await using served = await serveTarget({ device: new MemoryDevice(2048 * BLOCK) });
  const initiator = await loggedIn(served);
  const result = await initiator.run(ReadCapacity10Cdb.encode({ operationCode: 0x25 }), { length: 8 });
  const [pdu] = result.pdus;
  assert.ok(pdu !== undefined);
  // prettier-ignore
  const golden = [
    '25', //                 Data-In
    '81', //                 final, status inside
    '00',
    '00', //           reserved, GOOD
    '00',
    '000008', //       no additional header, 8 bytes
    '0000000000000000', //   no LUN, since no tag
    '00000001', //           Initiator Task Tag
    'ffffffff', //           Target Transfer Tag
    '00000002', //           StatSN: two login responses went before
    '00000002', //           ExpCmdSN
    '00000081', //           MaxCmdSN: a window of 128 commands
    '00000000', //           DataSN
    '00000000', //           Buffer Offset
    '00000000', //           Residual Count
  ].join('');
  assert.equal(Buffer.from(pdu.header).toString('hex'), golden);
  assert.equal(Buffer.concat(pdu.data).toString('hex'), '000007ff00000200');
});

test('residual counts', async () => {
  const content = pattern(8 * BLOCK);
  await using served = await serveTarget({ device: new MemoryDevice(content) });
  const initiator = await loggedIn(served);
  const under = await initiator.run(read10(0, 1), { length: 10_000 });
  assert.deepEqual([under.residual, under.data.length], [BLOCK - 10_000, BLOCK]);
  const over = await initiator.run(read10(0, 2), { length: BLOCK });
  assert.deepEqual([over.residual, over.data.length], [BLOCK, BLOCK]);
  const none = await initiator.run(read10(0, 2), { length: 0, direction: 'none' });
  assert.deepEqual([none.residual, none.data.length], [2 * BLOCK, 0]);
});

test('what cannot be read says why', async () => {
  await using served = await serveTarget({ device: new MemoryDevice(8 * BLOCK) });
  const initiator = await loggedIn(served);
  const sense = async (cdb: Uint8Array, options = {}): Promise<unknown> => {
    const result = await initiator.run(cdb, { length: BLOCK, ...options });
    assert.equal(result.status, Status.checkCondition);
    const { key, code } = decodeSense(result.sense) ?? {};
    return { key, code };
  };
  const illegal = (code: number): unknown => ({ key: SenseKey.illegalRequest, code });
  assert.deepEqual(await sense(read10(8, 1)), illegal(AdditionalSense.logicalBlockAddressOutOfRange));
  assert.deepEqual(await sense(Uint8Array.of(0xff)), illegal(AdditionalSense.invalidCommandOperationCode));
  assert.deepEqual(await sense(read10(0, 1), { lun: 5 }), illegal(AdditionalSense.logicalUnitNotSupported));
  const protectedRead = Transfer10Cdb.encode({ operationCode: READ10, protect: 1, transferLength: 1 });
  assert.deepEqual(await sense(protectedRead), illegal(AdditionalSense.invalidFieldInCdb));
  const far = Transfer16Cdb.encode({ operationCode: 0x88, logicalBlockAddress: 2 ** 63, transferLength: 1 });
  assert.deepEqual(await sense(far), illegal(AdditionalSense.logicalBlockAddressOutOfRange));
});

test('a write-protected unit keeps its data', async () => {
  await using served = await serveTarget({ device: new MemoryDevice(8 * BLOCK, { readOnly: true }) });
  const initiator = await loggedIn(served);
  const result = await initiator.run(write10(0, 1), {
    length: BLOCK,
    direction: 'write',
    immediateData: pattern(BLOCK),
  });
  const { key, code } = decodeSense(result.sense) ?? {};
  assert.deepEqual({ key, code }, { key: SenseKey.dataProtect, code: AdditionalSense.writeProtected });
});

const yesNo = fc.constantFrom('Yes', 'No');
const lengths = fc.constantFrom(512, 1024, 4096, 5120, 65_536);

test('a WRITE arrives whole under every mix of immediate, unsolicited and solicited data', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        InitialR2T: yesNo,
        ImmediateData: yesNo,
        MaxBurstLength: lengths,
        FirstBurstLength: lengths,
        MaxOutstandingR2T: fc.integer({ min: 1, max: 8 }),
        HeaderDigest: fc.constantFrom('None', 'CRC32C'),
        DataDigest: fc.constantFrom('None', 'CRC32C'),
      }),
      fc.integer({ min: 1, max: 48 }),
      fc.integer({ min: 1, max: 3000 }),
      fc.nat(20_000),
      async (keys, blocks, segment, immediateWish) => {
        const device = new MemoryDevice(64 * BLOCK);
        await using served = await serveTarget({ device });
        const initiator = await loggedIn(served, mapText(keys));
        const data = pattern(blocks * BLOCK, segment);
        // RFC 7143 §13.14: FirstBurstLength never exceeds MaxBurstLength.
        const firstBurst = Math.min(keys.FirstBurstLength, keys.MaxBurstLength, data.length);
        const immediate = keys.ImmediateData === 'Yes' ? Math.min(immediateWish, firstBurst) : 0;
        const unsolicited = keys.InitialR2T === 'No' && immediate < firstBurst;
        const tag = initiator.command(write10(3, blocks), {
          length: data.length,
          direction: 'write',
          final: !unsolicited,
          ...(immediate > 0 ? { immediateData: data.subarray(0, immediate) } : {}),
        });
        if (unsolicited) initiator.sendSequence(tag, data, RESERVED_TAG, immediate, firstBurst - immediate, segment);
        const result = await initiator.writeBySolicitation(tag, data, segment);
        assert.equal(result.status, Status.good);
        assert.equal(result.residual, 0);
        const [stored] = device.read(3 * BLOCK, data.length);
        assert.deepEqual(Buffer.from(stored ?? []), Buffer.from(data));
      },
    ),
    { numRuns: 60 },
  );
});

function mapText(keys: Readonly<Record<string, string | number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(keys).map(([key, value]) => [key, String(value)]));
}

test('a WRITE of many bursts, one R2T at a time, needs its room only once', async () => {
  const device = new MemoryDevice(8 << 20);
  await using served = await serveTarget({ device });
  const initiator = await loggedIn(served, { ImmediateData: 'No', MaxBurstLength: '65536', MaxOutstandingR2T: '1' });
  const data = pattern(8 << 20);
  const tag = initiator.command(write10(0, data.length / BLOCK), { length: data.length, direction: 'write' });
  assert.equal((await initiator.writeBySolicitation(tag, data, 65_536)).status, Status.good);
  assert.ok(Buffer.concat(device.read(0, data.length)).equals(data));
});

test('a session works when every byte comes alone', async () => {
  const device = new MemoryDevice(32 * BLOCK);
  await using served = await serveTarget({ device, line: { cut: byteByByte } });
  const initiator = await loggedIn(served, { InitialR2T: 'Yes', ImmediateData: 'Yes' });
  const data = pattern(9 * BLOCK);
  const tag = initiator.command(write10(0, 9), {
    length: data.length,
    direction: 'write',
    immediateData: data.subarray(0, 700),
  });
  assert.equal((await initiator.writeBySolicitation(tag, data, 1000)).status, Status.good);
  assert.deepEqual((await initiator.run(read10(0, 9), { length: data.length })).data, Buffer.from(data));
});

test('data out of order fails the WRITE, and the medium keeps what it had', async () => {
  for (const wrong of [{ dataSN: 1 }, { bufferOffset: 512 }, { dataSN: 0xffff_ffff }]) {
    const device = new MemoryDevice(8 * BLOCK);
    await using served = await serveTarget({ device });
    const initiator = await loggedIn(served, { ImmediateData: 'No', InitialR2T: 'No' });
    const data = pattern(2 * BLOCK);
    const tag = initiator.command(write10(0, 2), { length: data.length, direction: 'write', final: false });
    initiator.dataOut(tag, data.subarray(0, 512), { dataSN: 0, bufferOffset: 0, final: false, ...wrong });
    initiator.dataOut(tag, data.subarray(512), { dataSN: 1, bufferOffset: 512, final: true });
    const result = await initiator.result(tag);
    assert.equal(result.status, Status.checkCondition, JSON.stringify(wrong));
    assert.equal(decodeSense(result.sense)?.key, SenseKey.abortedCommand);
    assert.ok(device.read(0, 8 * BLOCK).every((part) => part.every((byte) => byte === 0)));
  }
});

test('a command that fails waits for its unsolicited data before it says so', async () => {
  await using served = await serveTarget({ device: new MemoryDevice(8 * BLOCK) });
  const initiator = await loggedIn(served, { ImmediateData: 'No', InitialR2T: 'No' });
  const tag = initiator.command(write10(100, 1), { length: BLOCK, direction: 'write', final: false });
  const ping = initiator.ping();
  const pong = await initiator.expect(Opcode.nopIn);
  assert.equal(NopIn.view(pong.header).initiatorTaskTag, ping, 'the ping is answered first');
  initiator.dataOut(tag, pattern(BLOCK), { dataSN: 0, bufferOffset: 0, final: true });
  const result = await initiator.result(tag);
  assert.equal(decodeSense(result.sense)?.code, AdditionalSense.logicalBlockAddressOutOfRange);
});

test('a ping comes back with its data', async () => {
  await using served = await serveTarget();
  const initiator = await loggedIn(served);
  const ping = initiator.ping(pattern(13));
  const pdu = await initiator.expect(Opcode.nopIn);
  assert.equal(NopIn.view(pdu.header).initiatorTaskTag, ping);
  assert.deepEqual(Buffer.concat(pdu.data), Buffer.from(pattern(13)));
});

test('commands run in the order of their CmdSN, those outside the window not at all', async () => {
  await using served = await serveTarget();
  const initiator = await loggedIn(served);
  const first = initiator.cmdSN;
  const tooHigh = initiator.command(read10(0, 1), { length: BLOCK, cmdSN: first + 500 });
  const second = initiator.command(read10(1, 1), { length: BLOCK, cmdSN: first + 1 });
  const duplicate = initiator.command(read10(2, 1), { length: BLOCK, cmdSN: first + 1 });
  const due = initiator.command(read10(3, 1), { length: BLOCK, cmdSN: first });
  const last = initiator.command(read10(4, 1), { length: BLOCK, cmdSN: first + 2 });
  const tags: number[] = [];
  for (let count = 0; count < 3; count++) {
    tags.push(BasicHeader.view((await initiator.expect(Opcode.dataIn)).header).initiatorTaskTag);
  }
  assert.deepEqual(tags, [due, second, last]);
  assert.ok(!tags.includes(tooHigh) && !tags.includes(duplicate));
});

test('the window closes while commands are under way and opens with their answers', async () => {
  await using served = await serveTarget({ device: new MemoryDevice(8 * BLOCK) });
  const initiator = await loggedIn(served, { ImmediateData: 'No' });
  const first = initiator.cmdSN;
  // A WRITE whose data does not come stays under way.
  initiator.command(write10(0, 1), { length: BLOCK, direction: 'write' });
  const r2t = await initiator.expect(Opcode.readyToTransfer);
  assert.equal(NopIn.view(r2t.header).expCmdSN, first + 1);
  assert.equal(NopIn.view(r2t.header).maxCmdSN, first + 127, 'no more than before the command');
});

test('a reused task tag is rejected while the task runs', async () => {
  await using served = await serveTarget();
  const initiator = await loggedIn(served, { ImmediateData: 'No' });
  const tag = initiator.command(write10(0, 1), { length: BLOCK, direction: 'write' });
  await initiator.expect(Opcode.readyToTransfer);
  initiator.command(read10(0, 1), { length: BLOCK, initiatorTaskTag: tag });
  const reject = await initiator.expect(Opcode.reject);
  assert.equal(Reject.view(reject.header).reason, RejectReason.taskInProgress);
});

test('WRITE SAME without data and without the bit that allows it writes nothing', async () => {
  const content = pattern(8 * BLOCK);
  const device = new MemoryDevice(content);
  await using served = await serveTarget({ device });
  const initiator = await loggedIn(served);
  const cdb = WriteSame16Cdb.encode({ operationCode: 0x93, numberOfBlocks: 8 });
  const result = await initiator.run(cdb, { direction: 'none' });
  assert.equal(decodeSense(result.sense)?.code, AdditionalSense.invalidFieldInCdb);
  assert.deepEqual(Buffer.concat(device.read(0, 8 * BLOCK)), Buffer.from(content));
});

test('WRITE SAME with a block of data repeats it to the end', async () => {
  const device = new MemoryDevice(8 * BLOCK);
  await using served = await serveTarget({ device });
  const initiator = await loggedIn(served);
  const block = pattern(BLOCK);
  const cdb = WriteSame16Cdb.encode({ operationCode: 0x93, logicalBlockAddress: 3, numberOfBlocks: 0 });
  const result = await initiator.run(cdb, { direction: 'write', length: BLOCK, immediateData: block });
  assert.equal(result.status, Status.good);
  const expected = Buffer.concat([Buffer.alloc(3 * BLOCK), ...Array.from({ length: 5 }, () => block)]);
  assert.deepEqual(Buffer.concat(device.read(0, 8 * BLOCK)), expected);
});

test('VERIFY says where the medium differs, across pieces and for one block repeated', async () => {
  const length = 3 << 20;
  const content = pattern(length);
  const device = new MemoryDevice(content);
  await using served = await serveTarget({ device });
  const initiator = await loggedIn(served, { ImmediateData: 'No' });
  const verify = async (byteCheck: number, blocks: number, data: Uint8Array): Promise<unknown> => {
    const cdb = Transfer10Cdb.encode({ operationCode: 0x2f, byteCheck, transferLength: blocks });
    const tag = initiator.command(cdb, { length: data.length, direction: 'write' });
    const { status, sense } = await initiator.writeBySolicitation(tag, data, 65_536);
    return status === Status.good ? 'same' : decodeSense(sense);
  };
  assert.equal(await verify(1, length / BLOCK, content), 'same');
  const other = content.slice();
  other[(2 << 20) + 77] = (other[(2 << 20) + 77] ?? 0) ^ 1;
  const mismatch = { key: SenseKey.miscompare, code: AdditionalSense.miscompareDuringVerifyOperation };
  assert.deepEqual(await verify(1, length / BLOCK, other), { ...mismatch, information: BigInt((2 << 20) + 77) });
  const block = content.subarray(0, BLOCK);
  device.write(
    0,
    Array.from({ length: 4 }, () => block),
  );
  assert.equal(await verify(3, 4, block), 'same');
  const fifth = [...block].findIndex((byte, index) => byte !== content[4 * BLOCK + index]);
  assert.deepEqual(await verify(3, 5, block), { ...mismatch, information: BigInt(4 * BLOCK + fifth) });
});

test('arbitrary bytes end the connection at worst, and never the portal', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 400 }), fc.boolean(), async (bytes, afterLogin) => {
      await using served = await serveTarget();
      const initiator = await served.connect();
      if (afterLogin) await initiator.login({ targetName: TARGET });
      initiator.sendBytes(bytes);
      initiator.tcp.end();
      await initiator.closed;
      const other = await loggedIn(served);
      assert.equal((await other.run(read10(0, 1), { length: BLOCK })).status, Status.good);
    }),
    { numRuns: 100 },
  );
});

test('any opcode with any header gets an answer or silence, and the session of another goes on', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 48, maxLength: 48 }), async (header) => {
      // Task management may end other sessions, and rightly so.
      fc.pre(((header[0] ?? 0) & 0x3f) !== Opcode.taskManagementRequest);
      await using served = await serveTarget();
      const other = await loggedIn(served);
      const initiator = await served.connect();
      await initiator.login({ targetName: TARGET, isid: '800000000002' });
      header.fill(0, 4, 8);
      initiator.sendBytes(header);
      initiator.tcp.end();
      await initiator.closed;
      other.ping();
      await other.expect(Opcode.nopIn);
    }),
    { numRuns: 150 },
  );
});

test('closing tells the initiator that the session was dropped, after what was under way', async () => {
  const served = await serveTarget();
  const initiator = await loggedIn(served);
  const tag = initiator.command(read10(0, 1), { length: BLOCK });
  assert.equal((await initiator.result(tag)).status, Status.good);
  const closing = served.portal.close();
  const message = AsyncMessage.view((await initiator.expect(Opcode.asyncMessage)).header);
  assert.equal(message.asyncEvent, AsyncEvent.sessionDropped);
  assert.equal(await initiator.closed, undefined);
  await closing;
  assert.equal(served.clock.pending, 0, 'no timer is left');
});

test('what this target does not know is rejected for that reason', async () => {
  await using served = await serveTarget();
  const initiator = await loggedIn(served);
  for (const [opcode, reason] of [
    [0x1d, RejectReason.commandNotSupported],
    [Opcode.snackRequest, RejectReason.snackReject],
  ] as const) {
    initiator.send(BasicHeader.encode({ opcode, immediate: true, final: true, initiatorTaskTag: initiator.newTag() }));
    const reject = await initiator.expect(Opcode.reject);
    assert.equal(Reject.view(reject.header).reason, reason);
    assert.equal(BasicHeader.view(Buffer.concat(reject.data)).opcode, opcode, 'with the header that was rejected');
  }
});

test('immediate commands beyond what a session keeps are rejected, and the session goes on (RFC 7143 §4.2.2.1)', async () => {
  await using served = await serveTarget({ device: new MemoryDevice(64 * BLOCK) });
  const initiator = await loggedIn(served);
  const announced = 200;
  for (let count = 0; count < announced; count++) {
    initiator.command(write10(0, 1), { direction: 'write', length: BLOCK, immediate: true });
  }
  const ping = initiator.ping();
  const reasons: number[] = [];
  let r2ts = 0;
  for (let pdu = await initiator.next(); pdu !== undefined; pdu = await initiator.next()) {
    const { opcode, initiatorTaskTag } = BasicHeader.view(pdu.header);
    if (opcode === Opcode.reject) reasons.push(Reject.view(pdu.header).reason);
    if (opcode === Opcode.readyToTransfer) r2ts += 1;
    if (opcode === Opcode.nopIn && initiatorTaskTag === ping) break;
  }
  assert.equal(r2ts + reasons.length, announced);
  assert.ok(reasons.length > 0);
  assert.deepEqual(new Set(reasons), new Set([RejectReason.immediateCommandReject]));
});
