/** The fleet's store on a file system without room. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { type DisklessError, parseIpv4, parseMac } from '../../src/bytes/index.ts';
import type { Lease } from '../../src/fleet/lease.ts';
import { SqliteFleetStore } from '../../src/fleet/sqlite/store.ts';
import { requires, root } from '../support/requires.ts';
import { SmallFileSystem, smallFileSystemTools } from '../support/small-file-system.ts';

const mac = parseMac('52:54:00:12:34:56');

function lease(number: number): Lease {
  return {
    address: parseIpv4(`192.0.2.${number}`),
    clientKey: `client ${number}`,
    hardwareAddress: undefined,
    state: 'bound',
    start: 1,
    expires: 2,
    // Long, so that no free page of the file takes many of them.
    hostName: 'x'.repeat(3000),
  };
}

test('a full disk rejects what must be durable, keeps what was, and tells once of history that is lost', async (t) => {
  if (!requires(t, root, ...smallFileSystemTools.tmpfs)) return;
  const disk = new SmallFileSystem(t, 'tmpfs', 1 << 20);
  const path = join(disk.path, 'state.db');
  const lost: DisklessError[] = [];
  const store = new SqliteFleetStore(path, (error) => lost.push(error));
  await store.leases.save(lease(1));
  disk.fill();
  const together = await Promise.allSettled([2, 3, 4].map((number) => store.leases.save(lease(number))));
  for (const result of together) {
    assert.equal(result.status, 'rejected');
    assert.equal(result.reason.code, 'FLEET_NO_SPACE');
  }
  assert.deepEqual(
    [...store.leases.leases()].map(({ clientKey }) => clientKey),
    ['client 1'],
    'what could not be kept does not hold',
  );
  for (const id of ['a', 'b']) {
    store.boots.begin({ id, hardwareAddress: mac, started: 1 });
    await assert.rejects(store.leases.save(lease(5)), { code: 'FLEET_NO_SPACE' });
  }
  assert.deepEqual(
    lost.map(({ code }) => code),
    ['FLEET_NO_SPACE'],
  );

  disk.free();
  store.boots.begin({ id: 'c', hardwareAddress: mac, started: 1 });
  await store.leases.save(lease(6));
  disk.fill();
  store.boots.begin({ id: 'd', hardwareAddress: mac, started: 1 });
  await assert.rejects(store.leases.save(lease(7)));
  assert.equal(lost.length, 2, 'once more, after something was written again');
  await store.close();

  disk.fill();
  const again = new SqliteFleetStore(path);
  await assert.rejects(again.leases.save(lease(8)), { code: 'FLEET_NO_SPACE' });
  disk.free();
  assert.deepEqual(
    [...again.leases.leases()].map(({ clientKey }) => clientKey),
    ['client 1', 'client 6'],
  );
  assert.deepEqual(
    again.boots.latest(9).map(({ id }) => id),
    ['c'],
  );
  await again.close();
});
