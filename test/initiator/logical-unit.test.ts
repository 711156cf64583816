import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogicalUnit } from '../../src/initiator/logical-unit.ts';
import { ScsiError } from '../../src/initiator/scsi-request.ts';
import { Opcode } from '../../src/iscsi/opcode.ts';
import { DataIn, ScsiCommand } from '../../src/iscsi/pdu.ts';
import type { Pdu } from '../../src/iscsi/pdu-reader.ts';
import { ReadCapacity16Data } from '../../src/scsi/capacity.ts';
import { encodeSense } from '../../src/scsi/sense.ts';
import type { ScriptedPeer } from '../support/scripted-target.ts';
import { settled } from '../support/simulated-clock.ts';
import { lun, openSession, respond, rig } from './support.ts';

const unitAttention = encodeSense({ key: 6, code: 0x2900 }, 'fixed');
const becomingReady = encodeSense({ key: 2, code: 0x0401 }, 'fixed');
const invalidCommand = encodeSense({ key: 5, code: 0x2000 }, 'descriptor');
const CHECK_CONDITION = 2;
const BUSY = 8;

async function openUnit() {
  const all = rig();
  const { session, peer } = await openSession(all);
  return { clock: all.clock, peer, unit: new LogicalUnit(session, lun, all.clock) };
}

function answer(peer: ScriptedPeer, command: Pdu, data: Uint8Array): void {
  const { initiatorTaskTag } = ScsiCommand.view(command.header);
  peer.send(DataIn.encode({ opcode: Opcode.dataIn, final: true, hasStatus: true, initiatorTaskTag }), data);
}

test('unit attentions are told once each: the command is sent again until they are through', async () => {
  const { peer, unit } = await openUnit();
  const running = unit.testUnitReady();
  for (let index = 0; index < 3; index++) respond(peer, await peer.next(), CHECK_CONDITION, unitAttention);
  respond(peer, await peer.next());
  assert.equal((await running).status, 0);
});

test('unit attentions without end are an error', async () => {
  const { peer, unit } = await openUnit();
  const rejected = assert.rejects(
    unit.testUnitReady(),
    (error) => error instanceof ScsiError && error.sense?.key === 6,
  );
  for (let index = 0; index < 17; index++) respond(peer, await peer.next(), CHECK_CONDITION, unitAttention);
  await rejected;
});

test('a busy target and a unit that becomes ready are waited for, but not for ever', async () => {
  const { clock, peer, unit } = await openUnit();
  const running = unit.testUnitReady();
  respond(peer, await peer.next(), BUSY);
  await settled();
  assert.equal(peer.unread, 0, 'not at once');
  await clock.pass(250);
  respond(peer, await peer.next(), CHECK_CONDITION, becomingReady);
  await clock.pass(250);
  respond(peer, await peer.next());
  assert.equal((await running).status, 0);

  const rejected = assert.rejects(unit.testUnitReady(), { code: 'SCSI_COMMAND_FAILED', status: BUSY });
  let tries = 0;
  const busy = async () => {
    for (; ; tries++) respond(peer, await peer.next(), BUSY);
  };
  void busy().catch(() => {});
  await clock.pass(40_000);
  await rejected;
  assert.ok(tries > 10);
});

test('READ CAPACITY(10) is asked where (16) is not known', async () => {
  const { peer, unit } = await openUnit();
  const running = unit.readCapacity();
  const first = await peer.next();
  assert.equal(first.header[32], 0x9e);
  respond(peer, first, CHECK_CONDITION, invalidCommand);
  const second = await peer.next();
  assert.equal(second.header[32], 0x25);
  answer(peer, second, Uint8Array.of(0, 0, 0x7f, 0xff, 0, 0, 2, 0));
  const { blocks, blockSize } = await running;
  assert.deepEqual([blocks, blockSize], [0x8000, 512]);
});

for (const [what, lastLogicalBlockAddress, blockLength] of [
  ['more than numbers hold', (1n << 63n) - 1n, 512],
  ['blocks of no length', 99n, 0],
  ['blocks of an odd length', 99n, 520],
] as const) {
  test(`a capacity of ${what} is refused`, async () => {
    const { peer, unit } = await openUnit();
    const rejected = assert.rejects(unit.readCapacity(), { code: 'SCSI_CAPACITY' });
    answer(peer, await peer.next(), ReadCapacity16Data.encode({ lastLogicalBlockAddress, blockLength }));
    await rejected;
  });
}

test('a page that is too short or another one counts as not there', async () => {
  const { peer, unit } = await openUnit();
  for (const data of [Uint8Array.of(0, 0xb0), Uint8Array.of(0, 0xb1, 0, 0), new Uint8Array(0)]) {
    const running = unit.vitalProductData(0xb0);
    answer(peer, await peer.next(), data);
    assert.equal(await running, undefined);
  }
});

test('the pages that a unit lists, and none where it has no list', async () => {
  const { peer, unit } = await openUnit();
  const listed = unit.supportedPages();
  answer(peer, await peer.next(), Uint8Array.of(0, 0, 0, 3, 0x00, 0x80, 0xb0));
  assert.deepEqual([...(await listed)], [0x00, 0x80, 0xb0]);
  const none = unit.supportedPages();
  respond(peer, await peer.next(), CHECK_CONDITION, invalidCommand);
  assert.equal((await none).size, 0);
});
