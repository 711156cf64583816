/** By what initiators recognise a unit: equal on every path, or an operating system sees two disks where the firmware booted from one. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDirectory } from '../../src/target/directory.ts';
import { Portal } from '../../src/target/portal.ts';
import { RawInitiator } from './raw-initiator.ts';
import { type ServedTarget, serveTarget, TARGET } from './served-target.ts';

const SECOND = { address: '192.0.2.1', port: 3261 };

/** Pages 80h and 83h. */
async function pages(initiator: RawInitiator): Promise<string[]> {
  const found: string[] = [];
  for (const code of [0x80, 0x83]) {
    const cdb = Uint8Array.from([0x12, 0x01, code, 0x03, 0xe8, 0, ...new Uint8Array(10)]);
    const { data } = await initiator.run(cdb, { length: 1000 });
    assert.equal(data[1], code);
    assert.ok(data.length > 20);
    found.push(Buffer.from(data).toString('hex'));
  }
  return found;
}

async function firstSession(served: ServedTarget): Promise<string[]> {
  return pages(await served.login({}, { isid: '800000000001' }));
}

test('pages 80h and 83h are the same in two sessions and by two portals', async () => {
  await using served = await serveTarget();
  await using _second = {
    portal: await Portal.open({
      network: served.network,
      endpoint: SECOND,
      clock: served.clock,
      directory: openDirectory([served.target]),
    }),
    [Symbol.asyncDispose](): Promise<void> {
      return this.portal.close();
    },
  };
  const first = await firstSession(served);
  assert.deepEqual(await pages(await served.login({}, { isid: '800000000002' })), first);
  const elsewhere = new RawInitiator(await served.network.connectTcp(SECOND));
  await elsewhere.login({ targetName: TARGET, isid: '800000000003' });
  assert.deepEqual(await pages(elsewhere), first);
});

test('pages 80h and 83h are the same after a restart', async () => {
  const seen: string[][] = [];
  for (let start = 0; start < 2; start++) {
    await using served = await serveTarget();
    seen.push(await firstSession(served));
  }
  assert.deepEqual(seen[1], seen[0]);
});
