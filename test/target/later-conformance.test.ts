/**
 * Tests that libiscsi's suite has got since the release that distributions carry, from what they are about. Others of them stand with
 * their commands: COMPARE AND WRITE's miscompare (commands/atomic.test.ts); the order of VPD pages, REPORT TARGET PORT GROUPS and
 * REPORT LUNS (commands/unit-information.test.ts).
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import { BasicHeader, LogoutResponse, NopIn, TextRequest } from '../../src/iscsi/pdu.ts';
import { decodeText, encodeText } from '../../src/iscsi/text.ts';
import { Asker } from './commands/asker.ts';
import { HeldDevice } from './held-device.ts';
import { serveTarget, TARGET } from './served-target.ts';

describe('SendTargets in a normal session', () => {
  /** The answer to one key: the pairs of the response, or that it was rejected. */
  async function ask({ raw }: Asker, key: string, value: string): Promise<string[] | 'rejected'> {
    const initiatorTaskTag = raw.newTag();
    const fields = { opcode: Opcode.textRequest, immediate: true, final: true, targetTransferTag: RESERVED_TAG };
    const header = TextRequest.encode({ ...fields, initiatorTaskTag, cmdSN: raw.cmdSN, expStatSN: raw.expStatSN });
    raw.send(header, [encodeText([{ key, value }])]);
    const pdu = await raw.next();
    assert.ok(pdu);
    if (BasicHeader.view(pdu.header).opcode === Opcode.reject) return 'rejected';
    return decodeText(Buffer.concat(pdu.data)).map((pair) => `${pair.key}=${pair.value}`);
  }

  test('All is answered with the target of the session', async () => {
    await using served = await serveTarget();
    const asker = await Asker.login(served);
    const answer = [`TargetName=${TARGET}`, 'TargetAddress=192.0.2.1:3260,1'];
    assert.deepEqual(await ask(asker, 'SendTargets', 'All'), answer);
  });

  test('what only looks like it lists nothing', async () => {
    await using served = await serveTarget();
    const asker = await Asker.login(served);
    assert.equal(await ask(asker, 'SendTargets', 'Alle'), 'rejected');
    assert.equal(await ask(asker, 'SendTargets', 'A'), 'rejected');
    // Another key is an unknown one, also where only its letters' case differs (RFC 7143 §6.1, §6.2).
    assert.deepEqual(await ask(asker, 'SendTargetsPlease', 'All'), ['SendTargetsPlease=NotUnderstood']);
    assert.deepEqual(await ask(asker, 'sENDtARGETS', 'aLL'), ['sENDtARGETS=NotUnderstood']);
  });
});

test('pings come back with their data, be it eight bytes or none', async () => {
  await using served = await serveTarget();
  const { raw } = await Asker.login(served);
  for (const data of [Buffer.from('pingpong'), Buffer.alloc(0)]) {
    const tag = raw.ping(data);
    const pdu = await raw.expect(Opcode.nopIn);
    assert.equal(NopIn.view(pdu.header).initiatorTaskTag, tag);
    assert.deepEqual(Buffer.concat(pdu.data), data);
  }
});

test('a logout amid reads and writes is answered, and leaves nothing at work', async () => {
  const device = new HeldDevice(64 * 512);
  await using served = await serveTarget({ device });
  const asker = await Asker.login(served);
  for (let index = 0; index < 16; index++) {
    asker.send('2a 00 00000000 00 0001 00', Buffer.alloc(512, index));
    asker.raw.command(Buffer.from('28000000000000000100000000000000', 'hex'), { length: 512 });
  }
  await device.holding(1);
  asker.raw.logout();
  const pdu = await asker.raw.expect(Opcode.logoutResponse);
  assert.equal(LogoutResponse.view(pdu.header).response, 0);
  device.releaseAll();
  await asker.raw.closed;
  const next = await Asker.login(served);
  assert.equal((await next.ask('00', 0)).says, 'good');
  assert.equal(served.target.sessions.size, 1);
});

test('EXTENDED COPY moves as much in one segment as it says it can', async () => {
  const device = new MemoryDevice(128 << 20);
  await using served = await serveTarget({ device });
  const asker = await Asker.login(served);
  const parameters = (await asker.ask('84 03 00 00000000000000 000003e8 0000', 1000)).data;
  const maximum = parameters.readUInt32BE(16);
  assert.ok(maximum > 0 && 2 * maximum <= device.size, 'the test’s disk is large enough');
  assert.ok(parameters.subarray(44).includes(0x0a), 'block to block with offset');
  device.write(0, [Buffer.alloc(512, 'a')]);
  device.write(maximum - 512, [Buffer.alloc(512, 'z')]);
  const naa = (await asker.ask('12 01 83 03e8 00', 1000)).data.subarray(4, 16);
  assert.equal((await asker.give('83 00 00000000 00000000 00000050 0000', largeCopy(naa, maximum))).says, 'good');
  const ends = [device.read(maximum, 512), device.read(2 * maximum - 512, 512)].map((parts) => Buffer.concat(parts));
  assert.deepEqual(ends, [Buffer.alloc(512, 'a'), Buffer.alloc(512, 'z')]);
});

/** The parameter list that copies the unit's first `length` bytes behind themselves. */
function largeCopy(designator: Uint8Array, length: number): Buffer {
  const list = Buffer.alloc(16 + 32 + 32);
  list.writeUInt8(1, 0); // LIST IDENTIFIER
  list.writeUInt16BE(32, 2);
  list.writeUInt32BE(32, 8);
  list.writeUInt8(0xe4, 16); // identification descriptor
  list.set(designator, 16 + 4);
  list.writeUIntBE(512, 16 + 29, 3);
  list.writeUInt8(0x0a, 48);
  list.writeUInt16BE(28, 48 + 2);
  list.writeUInt32BE(length, 48 + 8);
  list.writeBigUInt64BE(BigInt(length / 512), 48 + 20);
  return list;
}
