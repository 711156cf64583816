/** Who keeps many commands under way, as the turns of the loop see it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestUnitReadyCdb } from '../../src/scsi/index.ts';
import type { RawInitiator } from './raw-initiator.ts';
import { type ServedTarget, serveTarget } from './served-target.ts';

const testUnitReady = TestUnitReadyCdb.encode({ operationCode: 0x00 });

function isDeep({ target }: ServedTarget): boolean | undefined {
  const [session] = target.sessions;
  const [connection] = session?.connections.open() ?? [];
  return connection?.isDeep;
}

async function oneByOne(initiator: RawInitiator, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await initiator.run(testUnitReady);
}

async function atOnce(initiator: RawInitiator, count: number): Promise<void> {
  const tags = Array.from({ length: count }, () => initiator.command(testUnitReady));
  for (const tag of tags) await initiator.result(tag);
}

test('an initiator that asks for a few things at a time is not deep', async () => {
  await using served = await serveTarget();
  const initiator = await served.login();
  assert.equal(isDeep(served), false);
  await oneByOne(initiator, 3);
  await atOnce(initiator, 5);
  await oneByOne(initiator, 1);
  assert.equal(isDeep(served), false);
});

test('one that asks on without having looked at its answers is, until it has gone on one by one for a while', async () => {
  await using served = await serveTarget();
  const initiator = await served.login();
  await atOnce(initiator, 6);
  assert.equal(isDeep(served), true);
  await oneByOne(initiator, 31);
  assert.equal(isDeep(served), true, 'a command that comes alone may be one of many');
  await oneByOne(initiator, 1);
  assert.equal(isDeep(served), false);
});
