import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type MacAddress, parseIpv4, parseMac } from '../../src/bytes/index.ts';
import { SqliteFleetStore } from '../../src/fleet/sqlite/store.ts';
import type { Clock } from '../../src/os/clock.ts';
import { Machines } from '../../src/server/machines.ts';

const prefix = 'iqn.2026-11.internal.diskless';
const mac = parseMac('52:54:00:12:34:56');
const address = parseIpv4('192.0.2.130');

describe('machines', () => {
  let now = 1000;
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after: () => ({ cancel: () => {} }),
    nextTurn: () => {},
  };
  const wire = new Map<string, MacAddress>();
  let store: SqliteFleetStore;
  let machines: Machines;

  beforeEach(() => {
    now = 1000;
    wire.clear();
    store = new SqliteFleetStore(':memory:');
    machines = new Machines(store, prefix, clock, (one) => wire.get(one));
  });
  afterEach(() => store.close());

  const lend = (expires: number) =>
    store.leases.save({
      address,
      clientKey: mac,
      hardwareAddress: mac,
      state: 'bound',
      start: 0,
      expires,
      hostName: undefined,
    });

  test('a machine’s names follow from its hardware address alone', () => {
    assert.deepEqual(machines.diskOf(mac), {
      targetName: `${prefix}:52-54-00-12-34-56`,
      initiatorName: `${prefix}:initiator:52-54-00-12-34-56`,
      hostName: undefined,
    });
    assert.equal(machines.byTargetName(`${prefix}:52-54-00-12-34-56`), mac);
  });

  for (const name of [
    `${prefix}:52-54-00-12-34`,
    `${prefix}:initiator:52-54-00-12-34-56`,
    'iqn.2001-04.com.example:x',
    `${prefix}:52-54-00-12-34-5g`,
  ]) {
    test(`${name} is no machine’s`, () => assert.equal(machines.byTargetName(name), undefined));
  }

  test('a name that an administrator gave is the machine’s', async () => {
    const host = { hardwareAddress: mac, name: 'desk-7', targetName: 'iqn.2026-11.internal.lab:desk-7' };
    await store.hosts.save({ ...host, address, ipv6Address: undefined, image: undefined, firstSeen: 1, lastSeen: 1 });
    assert.equal(machines.diskOf(mac).targetName, host.targetName);
    assert.equal(machines.diskOf(mac).hostName, 'desk-7');
    assert.equal(machines.byTargetName(host.targetName), mac);
  });

  test('the first sight makes a host, later ones keep when it was', async () => {
    await machines.seen(mac);
    now = 5000;
    await machines.seen(mac);
    const host = store.hosts.find(mac);
    assert.deepEqual([host?.firstSeen, host?.lastSeen], [1000, 5000]);
  });

  test('who is at an address: by the lease as long as it is valid, then by the login, then by the wire', async () => {
    const second = parseMac('52:54:00:00:00:02');
    const third = parseMac('52:54:00:00:00:03');
    assert.equal(machines.at(address), undefined);
    wire.set(address, third);
    assert.equal(machines.at(address), third);
    machines.loggedInFrom(address, second);
    assert.equal(machines.at(address), second);
    await lend(2000);
    assert.equal(machines.at(address), mac);
    now = 2001;
    assert.equal(machines.at(address), second);
    assert.equal(machines.at('2001:db8::1'), undefined);
  });

  test('an asker is told of its own target and of no other', async () => {
    await lend(2000);
    assert.deepEqual(machines.targetsFor('iqn.1993-08.org.debian:01:abc', address), [`${prefix}:52-54-00-12-34-56`]);
    assert.deepEqual(machines.targetsFor('iqn.1993-08.org.debian:01:abc', '192.0.2.131'), []);
  });

  test('an asker with an initiator name of ours is that machine, also at the address of its second card', async () => {
    await lend(2000);
    const first = `${prefix}:initiator:52-54-00-00-00-02`;
    assert.deepEqual(machines.targetsFor(first, address), [`${prefix}:52-54-00-00-00-02`]);
  });
});
