/** Persistent reservations as initiators meet them at a target (SPC-4). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TaskManagementFunction } from '../../../src/iscsi/pdu.ts';
import { encodeTransportId } from '../../../src/scsi/transport-id.ts';
import { loadReservations } from '../../../src/target/persistent-reservations.ts';
import type { ReservationStore } from '../../../src/target/reservations/store.ts';
import { HeldDevice } from '../held-device.ts';
import { INITIATOR } from '../raw-initiator.ts';
import { type ServedTarget, serveTarget } from '../served-target.ts';
import { Asker, settled } from './asker.ts';

const BLOCK = Buffer.alloc(512, 'x');
const write = '2a 00 00000000 00 0001 00';
const read = '28 00 00000000 00 0001 00';
const testUnitReady = '00 00 00 00 00 00';
const WRITE_EXCLUSIVE = 1;

const key = (value: number): string => value.toString(16).padStart(16, '0');
/** Registers `next` in the place of `old`; `flags` 1 is APTPL. */
const register = (asker: Asker, old: number, next: number, flags = 0): Promise<string> =>
  out(asker, 0, 0, old, next, flags);

async function out(asker: Asker, action: number, type: number, own: number, other = 0, flags = 0): Promise<string> {
  const byte = (value: number): string => value.toString(16).padStart(2, '0');
  const list = `${key(own)} ${key(other)} 00000000 ${byte(flags)} 000000`;
  return (await asker.give(`5f ${byte(action)} ${byte(type)} 0000 00000018 00`, list)).says;
}

async function keys(asker: Asker): Promise<string[]> {
  const { data } = await asker.ask('5e 00 000000 0000 00ff 00');
  return Array.from({ length: data.readUInt32BE(4) / 8 }, (_, index) =>
    data.toString('hex', 8 + 8 * index, 16 + 8 * index),
  );
}

test('a write exclusive reservation lets its holder write and others read', async () => {
  await using served = await serveTarget();
  const [holder, other] = [await Asker.login(served, 1), await Asker.login(served, 2)];
  assert.equal(await register(holder, 0, 0xa), 'good');
  assert.equal(await out(holder, 1, WRITE_EXCLUSIVE, 0xa), 'good');
  assert.equal((await holder.give(write, BLOCK)).says, 'good');
  assert.equal((await other.give(write, BLOCK)).says, 'conflict');
  assert.equal((await other.ask(read, 512)).says, 'good');
  assert.equal(await out(holder, 2, WRITE_EXCLUSIVE, 0xa), 'good');
  assert.equal((await other.give(write, BLOCK)).says, 'good');
});

test('a reservation outlives its session, and the same initiator port holds it again', async () => {
  await using served = await serveTarget();
  const [holder, other] = [await Asker.login(served, 1), await Asker.login(served, 2)];
  await register(holder, 0, 0xa);
  await out(holder, 1, WRITE_EXCLUSIVE, 0xa);
  holder.raw.logout();
  await holder.raw.closed;
  assert.equal((await other.give(write, BLOCK)).says, 'conflict');
  const again = await Asker.login(served, 1);
  assert.equal((await again.give(write, BLOCK)).says, 'good');
});

test('LOGICAL UNIT RESET leaves persistent reservations (SPC-4)', async () => {
  await using served = await serveTarget();
  const [holder, other] = [await Asker.login(served, 1), await Asker.login(served, 2)];
  await register(holder, 0, 0xa);
  await out(holder, 1, WRITE_EXCLUSIVE, 0xa);
  assert.equal(await holder.manage(TaskManagementFunction.logicalUnitReset), 0);
  assert.equal((await other.ask(testUnitReady, 0)).says, '06/2903');
  assert.equal((await other.give(write, BLOCK)).says, 'conflict');
});

test('PREEMPT AND ABORT ends the tasks of the preempted nexus, and tells it', async () => {
  const device = new HeldDevice(8 * 512);
  await using served = await serveTarget({ device });
  const [taker, loser] = [await Asker.login(served, 1), await Asker.login(served, 2)];
  await register(taker, 0, 0xa);
  await register(loser, 0, 0xb);
  await out(loser, 1, WRITE_EXCLUSIVE, 0xb);
  loser.send(write, BLOCK);
  await device.holding(1);
  const preempting = out(taker, 5, WRITE_EXCLUSIVE, 0xa, 0xb);
  await settled();
  device.releaseAll();
  assert.equal(await preempting, 'good');
  // The aborted write is never answered: the next answer is that of the next command.
  assert.equal((await loser.ask(testUnitReady, 0)).says, '06/2a05');
  assert.deepEqual(await keys(taker), [key(0xa)]);
});

/** The TransportID of another port of the same initiator. */
const transportId = (port: number): Buffer =>
  Buffer.from(encodeTransportId({ initiatorName: INITIATOR, isid: `80000000000${port}` }));
const bytes = (length: number): string => length.toString(16).padStart(8, '0');

test('REGISTER AND MOVE gives the reservation to a port that was never registered', async () => {
  await using served = await serveTarget();
  const [giver, taker] = [await Asker.login(served, 1), await Asker.login(served, 2)];
  const move = async (asker: Asker, own: number, next: number, unregister: boolean): Promise<string> => {
    const destination = transportId(2);
    const list = `${key(own)} ${key(next)} 00 ${unregister ? '02' : '00'} 0001 ${bytes(destination.length)}`;
    const parameters = Buffer.concat([Buffer.from(list.replaceAll(' ', ''), 'hex'), destination]);
    return (await asker.give(`5f 07 00 0000 ${bytes(parameters.length)} 00`, parameters)).says;
  };
  await register(giver, 0, 0xa);
  assert.equal(await move(giver, 0xa, 0xb, false), '05/2400', 'there is nothing to move');
  await out(giver, 1, WRITE_EXCLUSIVE, 0xa);
  assert.equal(await move(taker, 0, 0xb, false), 'conflict', 'it is not its own');
  assert.equal(await move(giver, 0xa, 0, false), '05/2600', 'no key');
  assert.equal(await move(giver, 0xa, 0xb, false), 'good');
  assert.deepEqual(await keys(giver), [key(0xa), key(0xb)]);
  assert.equal((await giver.give(write, BLOCK)).says, 'conflict');
  assert.equal((await taker.give(write, BLOCK)).says, 'good');
  const { data } = await giver.ask('5e 01 000000 0000 00ff 00');
  assert.equal(data.toString('hex', 8, 16), key(0xb), 'READ RESERVATION');
});

test('REGISTER AND MOVE with UNREG leaves the giver without a registration', async () => {
  await using served = await serveTarget();
  const [giver, taker] = [await Asker.login(served, 1), await Asker.login(served, 2)];
  await register(giver, 0, 0xa);
  await out(giver, 1, WRITE_EXCLUSIVE, 0xa);
  const list = Buffer.from(`${key(0xa)}${key(0xb)}00020001${bytes(transportId(2).length)}`, 'hex');
  const parameters = Buffer.concat([list, transportId(2)]);
  assert.equal((await giver.give(`5f 07 00 0000 ${bytes(parameters.length)} 00`, parameters)).says, 'good');
  assert.deepEqual(await keys(taker), [key(0xb)]);
  assert.equal(await out(taker, 2, WRITE_EXCLUSIVE, 0xb), 'good');
});

test('SPEC_I_PT registers other ports beside the sender’s: they need not ask', async () => {
  await using served = await serveTarget();
  const [asker, other, third] = [
    await Asker.login(served, 1),
    await Asker.login(served, 2),
    await Asker.login(served, 3),
  ];
  const registerPorts = async (...ports: readonly Buffer[]): Promise<string> => {
    const list = Buffer.concat(ports);
    const header = Buffer.from(
      `${key(0)}${key(0xa)}00000000 08 000000 ${bytes(list.length)}`.replaceAll(' ', ''),
      'hex',
    );
    const parameters = Buffer.concat([header, list]);
    return (await asker.give(`5f 00 00 0000 ${bytes(parameters.length)} 00`, parameters)).says;
  };
  const foreign = transportId(2);
  foreign.writeUInt8(0x46, 0);
  assert.equal(await registerPorts(transportId(2), foreign), '05/2600', 'a port of another protocol');
  assert.deepEqual(await keys(asker), [], 'all of them or none');
  assert.equal(await registerPorts(transportId(2)), 'good');
  assert.deepEqual(await keys(asker), [key(0xa), key(0xa)]);
  assert.equal(await out(other, 1, WRITE_EXCLUSIVE, 0xa), 'good');
  assert.equal((await asker.give(write, BLOCK)).says, 'conflict');
  assert.equal(await out(third, 1, WRITE_EXCLUSIVE, 0xa), 'conflict', 'it was not named');
});

test('ALL_TG_PT registers at every target port, and REPORT CAPABILITIES announces both', async () => {
  await using served = await serveTarget();
  const asker = await Asker.login(served);
  assert.equal((await asker.ask('5e 02 000000 0000 00ff 00')).data.readUInt8(2) & 0x0c, 0x0c, 'SIP_C, ATP_C');
  assert.equal(await register(asker, 0, 0xa, 4), 'good');
  const { data } = await asker.ask('5e 03 000000 0000 00ff 00');
  assert.equal(data.readUInt32BE(4), data.length - 8, 'one registration: there is one target port');
  assert.equal(data.toString('hex', 8, 16), key(0xa));
  assert.equal(data.readUInt16BE(8 + 18), 1, 'RELATIVE TARGET PORT IDENTIFIER');
  assert.deepEqual(data.subarray(8 + 24), transportId(1));
});

test('while RESERVE(6) holds, PERSISTENT RESERVE conflicts even for its holder (SPC-2)', async () => {
  await using served = await serveTarget();
  const asker = await Asker.login(served);
  assert.equal((await asker.ask('16 00 00 00 00 00', 0)).says, 'good');
  assert.equal((await asker.ask('5e 00 000000 0000 00ff 00')).says, 'conflict');
  assert.equal(await register(asker, 0, 0xa), 'conflict');
  assert.equal((await asker.ask('17 00 00 00 00 00', 0)).says, 'good');
  assert.equal(await register(asker, 0, 0xa), 'good');
  assert.equal((await asker.ask('16 00 00 00 00 00', 0)).says, 'conflict', 'and the other way round');
});

test('an unknown service action is an invalid field, not an unknown command', async () => {
  await using served = await serveTarget();
  const asker = await Asker.login(served);
  for (const cdb of ['5e 04 000000 0000 00ff 00', '5f 1f 00 0000 00000018 00', '48 04', '83 02', '84 01']) {
    assert.equal((await asker.ask(cdb)).says, '05/2400', cdb);
  }
});

class MemoryStore implements ReservationStore {
  content: Uint8Array | undefined;

  load(): Uint8Array | undefined {
    return this.content;
  }

  save(content: Uint8Array): void {
    this.content = content;
  }
}

test('with APTPL, registrations and reservation are there after a restart', async () => {
  const store = new MemoryStore();
  const start = async (): Promise<ServedTarget> =>
    serveTarget({ features: new Map([[0, { savedReservations: await loadReservations(store) }]]) });
  {
    await using served = await start();
    const holder = await Asker.login(served, 1);
    assert.equal(await register(holder, 0, 0xa, 1), 'good');
    assert.equal(await out(holder, 1, WRITE_EXCLUSIVE, 0xa), 'good');
  }
  await using served = await start();
  const [holder, other] = [await Asker.login(served, 1), await Asker.login(served, 2)];
  assert.deepEqual(await keys(other), [key(0xa)]);
  assert.equal((await other.give(write, BLOCK)).says, 'conflict');
  assert.equal((await holder.give(write, BLOCK)).says, 'good');
});

test('without a store APTPL is refused, and REPORT CAPABILITIES says so', async () => {
  await using served = await serveTarget();
  const asker = await Asker.login(served);
  assert.equal(await register(asker, 0, 0xa, 1), '05/2600');
  const { data } = await asker.ask('5e 02 000000 0000 00ff 00');
  assert.equal(data.readUInt8(2) & 1, 0, 'PTPL_C');
});
