/** SCSI Commands with additional header segments at a target (RFC 7143 §11.2.2). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { Initiator } from '../../src/initiator/initiator.ts';
import { Opcode } from '../../src/iscsi/opcode.ts';
import { NopOut, Reject, ScsiResponse } from '../../src/iscsi/pdu.ts';
import {
  commandTable,
  decodeSense,
  encodeLun,
  LONG_CDB_ADDITIONAL_LENGTH,
  Transfer32Cdb,
} from '../../src/scsi/index.ts';
import { byteByByte } from '../support/simulated-tcp.ts';
import { Asker } from './commands/asker.ts';
import { INITIATOR, type RawInitiator, type Result } from './raw-initiator.ts';
import { type ServedTarget, serveTarget, TARGET } from './served-target.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const read10 = hex('28 00 00000000 00 0001 00 000000000000');
const write10 = hex('2a 00 00000000 00 0001 00 000000000000');
const bidirectional = hex('0005 02 00 00000200');

async function loggedIn(served: ServedTarget, keys: Readonly<Record<string, string>>): Promise<RawInitiator> {
  const raw = await served.connect();
  await raw.login({ targetName: TARGET, keys });
  return raw;
}

function says({ sense }: Result): string {
  const { key, code } = decodeSense(sense) ?? { key: 0, code: 0 };
  return `${key.toString(16).padStart(2, '0')}/${code.toString(16).padStart(4, '0')}`;
}

for (const digest of ['None', 'CRC32C']) {
  test(`a CDB of 32 bytes arrives whole, byte by byte, HeaderDigest=${digest} (RFC 7143 §11.2.2.3, §11.2.3)`, async () => {
    const device = new MemoryDevice(Buffer.concat([Buffer.alloc(512, 'a'), Buffer.alloc(512, 'b')]));
    await using served = await serveTarget({ device, line: { cut: byteByByte } });
    const raw = await loggedIn(served, { HeaderDigest: digest });
    const read32 = hex('7f 00 00000000 00 18 0009 00 00 0000000000000001 00000000 0000 0000 00000001');
    const { data } = await raw.run(read32, { length: 512 });
    assert.deepEqual(Buffer.from(data), Buffer.alloc(512, 'b'));
  });
}

test('a code that nobody has given a meaning is rejected, and the session goes on (RFC 7143 §11.17.1)', async () => {
  await using served = await serveTarget();
  const { raw } = await Asker.login(served);
  raw.command(read10, { length: 512, ahs: hex('0001 05 00') });
  const rejected = await raw.expect(Opcode.reject);
  assert.equal(Reject.view(rejected.header).reason, 0x09, 'invalid PDU field');
  const complete = Buffer.concat(rejected.data);
  assert.equal(complete.length, 52, 'the header with its additional headers');
  assert.deepEqual(complete.subarray(48), hex('0001 05 00'));
  // Its CmdSN counts as never received (RFC 7143 §7.3): the next command fills the gap.
  raw.cmdSN -= 1;
  const { status, data } = await raw.run(read10, { length: 512 });
  assert.deepEqual([status, data.length], [0, 512]);
});

test('lengths that cannot be end the connection (RFC 7143 §7.7)', async () => {
  await using served = await serveTarget();
  const { raw } = await Asker.login(served);
  raw.command(read10, { length: 512, ahs: hex('0009 01 00') });
  assert.equal(await raw.next(), undefined);
  const ended = served.events.find((event) => event.kind === 'session ended');
  assert.ok(ended?.kind === 'session ended' && ended.error !== undefined);
  assert.equal((ended.error as { code?: string }).code, 'ISCSI_AHS_MALFORMED');
});

test('only SCSI Commands have additional headers (RFC 7143 §11.2.1.5)', async () => {
  await using served = await serveTarget();
  const { raw } = await Asker.login(served);
  const header = NopOut.encode({ opcode: Opcode.nopOut, immediate: true, final: true, totalAHSLength: 1 });
  raw.send(Buffer.concat([header, hex('0001 05 00')]));
  assert.equal(await raw.next(), undefined);
});

test('a command that would read and write at once is refused, once its data is there (RFC 7143 §11.4.2)', async () => {
  const device = new MemoryDevice(Buffer.alloc(1024, 'p'));
  await using served = await serveTarget({ device });
  const raw = await loggedIn(served, { InitialR2T: 'No' });
  const block = Buffer.alloc(512, 'w');
  const tag = raw.command(write10, {
    direction: 'both',
    length: 1024,
    ahs: bidirectional,
    immediateData: block,
    final: false,
  });
  raw.dataOut(tag, block, { dataSN: 0, bufferOffset: 512, final: true });
  const result = await raw.result(tag);
  assert.equal(says(result), '05/0e03');
  const [response] = result.pdus;
  assert.ok(response);
  const view = ScsiResponse.view(response.header);
  assert.deepEqual([view.overflow, view.underflow, view.residualCount], [false, true, 1024]);
  assert.deepEqual(Buffer.concat(device.read(0, 512)), Buffer.alloc(512, 'p'), 'nothing was written');
  assert.equal((await raw.run(read10, { length: 512 })).status, 0);
});

test('what a refused bidirectional command should have read is its residual (RFC 7143 §11.4.1, §11.4.6)', async () => {
  await using served = await serveTarget();
  const { raw } = await Asker.login(served);
  const unknown = hex('53 00 00000000 00 0001 00 000000000000');
  for (const [cdb, ahs, bytes] of [
    [write10, bidirectional, 512],
    [unknown, bidirectional, 512],
    [write10, hex(''), 0],
  ] as const) {
    const immediateData = Buffer.alloc(512);
    const { pdus } = await raw.run(cdb, { direction: 'both', length: 512, ahs, immediateData });
    const [response] = pdus;
    assert.ok(response);
    const view = ScsiResponse.view(response.header);
    assert.deepEqual([view.underflow, view.residualCount], [true, 512], 'what it would have written');
    assert.deepEqual(
      [view.bidirectionalOverflow, view.bidirectionalUnderflow, view.bidirectionalResidualCount],
      [false, bytes > 0, bytes],
    );
  }
});

test('so are both directions without the length that goes with them (RFC 7143 §11.3.4)', async () => {
  await using served = await serveTarget();
  const { raw } = await Asker.login(served);
  assert.equal(
    says(await raw.run(read10, { direction: 'both', length: 512, immediateData: Buffer.alloc(512) })),
    '05/0e03',
  );
  assert.equal(says(await raw.run(read10, { direction: 'read', length: 512, ahs: bidirectional })), '05/0e03');
  const unknown = hex('53 00 00000000 00 0001 00 000000000000');
  assert.equal(says(await raw.run(unknown, { direction: 'both', ahs: bidirectional })), '05/2000', 'XDWRITEREAD(10)');
});

test('with no data at all, both flags mean nothing (RFC 7143 §11.3.1)', async () => {
  await using served = await serveTarget();
  const { raw } = await Asker.login(served);
  assert.equal((await raw.run(hex('00000000000000000000000000000000'), { direction: 'both' })).status, 0);
  const ahs = hex('0005 02 00 00000000');
  assert.equal((await raw.run(hex('00000000000000000000000000000000'), { direction: 'both', ahs })).status, 0);
});

test('the initiator’s own long CDBs arrive, with header digests', async () => {
  const device = new MemoryDevice(Buffer.alloc(1024, 'p'));
  await using served = await serveTarget({ device });
  const wishes = { headerDigest: ['CRC32C'] } as const;
  const initiator = new Initiator({ network: served.network, clock: served.clock, initiatorName: INITIATOR, wishes });
  await using session = await initiator.login({ host: '192.0.2.1', port: 3260 }, TARGET);
  assert.equal(session.parameters.headerDigest, true);
  const { operationCode, serviceAction } = commandTable.write32;
  const cdb = Transfer32Cdb.encode({
    operationCode,
    serviceAction,
    additionalCdbLength: LONG_CDB_ADDITIONAL_LENGTH,
    logicalBlockAddress: 1,
    transferLength: 1,
  });
  const block = Buffer.alloc(512, 'w');
  assert.equal((await session.execute({ lun: encodeLun(0), cdb, write: [block] })).status, 0);
  assert.deepEqual(Buffer.concat(device.read(0, 1024)), Buffer.concat([Buffer.alloc(512, 'p'), block]));
});
