/** What a nexus is told when several things keep it from its command (SAM-5, status precedence). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TaskManagementFunction } from '../../../src/iscsi/pdu.ts';
import { type ServedTarget, serveTarget } from '../served-target.ts';
import { Asker } from './asker.ts';

const testUnitReady = '00 00 00 00 00 00';
const read = '28 00 00000000 00 0001 00';
const reserve = '16 00 00 00 00 00';
const release = '17 00 00 00 00 00';
const unknown = 'c0 00 00 00 00 00';
const resetCounters = '4c 02 40 00 00 0000 0000 00';
const PARAMETERS_CHANGED = '06/2a02';
const UNIT_RESET = '06/2903';

async function twoAskers(served: ServedTarget): Promise<[Asker, Asker]> {
  return [await Asker.login(served, 1), await Asker.login(served, 2)];
}

test('a reservation conflict comes before a unit attention, which waits', async () => {
  await using served = await serveTarget();
  const [holder, other] = await twoAskers(served);
  assert.equal((await holder.ask(reserve, 0)).says, 'good');
  assert.equal((await holder.ask(resetCounters, 0)).says, 'good');
  assert.equal((await other.ask(read, 512)).says, 'conflict');
  assert.equal((await holder.ask(release, 0)).says, 'good');
  assert.equal((await other.ask(read, 512)).says, PARAMETERS_CHANGED);
  assert.equal((await other.ask(read, 512)).says, 'good');
});

test('the unit attention of a reset comes before a reservation conflict', async () => {
  await using served = await serveTarget();
  const [holder, other] = await twoAskers(served);
  assert.equal(await holder.manage(TaskManagementFunction.logicalUnitReset), 0);
  assert.equal((await holder.ask(reserve, 0)).says, UNIT_RESET);
  assert.equal((await holder.ask(reserve, 0)).says, 'good');
  assert.equal((await other.ask(read, 512)).says, UNIT_RESET);
  assert.equal((await other.ask(read, 512)).says, 'conflict');
});

test('a reset is told before what was to be told already', async () => {
  await using served = await serveTarget();
  const [asker, other] = await twoAskers(served);
  assert.equal((await asker.ask(resetCounters, 0)).says, 'good');
  assert.equal(await asker.manage(TaskManagementFunction.logicalUnitReset), 0);
  assert.equal((await other.ask(testUnitReady, 0)).says, UNIT_RESET);
  assert.equal((await other.ask(testUnitReady, 0)).says, PARAMETERS_CHANGED);
  assert.equal((await other.ask(testUnitReady, 0)).says, 'good');
});

test('a command that does not exist is told of a unit attention like any other', async () => {
  await using served = await serveTarget();
  const [asker, other] = await twoAskers(served);
  assert.equal((await asker.ask(resetCounters, 0)).says, 'good');
  assert.equal((await other.ask(unknown, 0)).says, PARAMETERS_CHANGED);
  assert.equal((await other.ask(unknown, 0)).says, '05/2000');
});
