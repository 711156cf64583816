import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { parseIpv4, parseIpv6, parseMac } from '../../src/bytes/index.ts';
import type { Host } from '../../src/fleet/host.ts';
import { SqliteFleetStore } from '../../src/fleet/sqlite/store.ts';
import { KeptAddresses } from '../../src/server/reservations.ts';

const mac = parseMac('52:54:00:12:34:56');
const ipv4 = parseIpv4('192.0.2.50');
const ipv6 = parseIpv6('2001:db8::50');
const host: Host = {
  hardwareAddress: mac,
  name: undefined,
  targetName: 'iqn.2026-11.internal.diskless:52-54-00-12-34-56',
  address: undefined,
  ipv6Address: undefined,
  image: undefined,
  firstSeen: 1,
  lastSeen: 1,
};
const client = { key: mac, keys: [mac, 'uuid:1'] };

describe('addresses that are kept', () => {
  let store: SqliteFleetStore;
  beforeEach(() => {
    store = new SqliteFleetStore(':memory:');
  });
  afterEach(() => store.close());

  test('for a machine hold from the moment they are set until they are removed, in each family', async () => {
    const kept4 = new KeptAddresses(store.hosts, ({ address }) => address, []);
    const kept6 = new KeptAddresses(store.hosts, ({ ipv6Address }) => ipv6Address, []);
    const both = () => [kept4.addressOf(client), kept6.addressOf(client), kept4.holderOf(ipv4), kept6.holderOf(ipv6)];
    assert.deepEqual(both(), [undefined, undefined, undefined, undefined]);
    await store.hosts.save({ ...host, address: ipv4, ipv6Address: ipv6 });
    assert.deepEqual(both(), [ipv4, ipv6, mac, mac]);
    await store.hosts.save({ ...host, address: ipv4 });
    assert.deepEqual(both(), [ipv4, undefined, mac, undefined]);
  });

  test('by the settings are for a client by any of its names, and give way to the machine’s own', async () => {
    const other = parseIpv6('2001:db8::51');
    const kept = new KeptAddresses(store.hosts, ({ ipv6Address }) => ipv6Address, [
      { client: 'uuid:1', address: other },
      { client: 'uuid:2', address: ipv6 },
    ]);
    assert.equal(kept.addressOf(client), other);
    assert.equal(kept.holderOf(ipv6), 'uuid:2');
    await store.hosts.save({ ...host, ipv6Address: ipv6 });
    assert.equal(kept.addressOf(client), ipv6);
    assert.equal(kept.holderOf(ipv6), mac);
    assert.equal(kept.addressOf({ key: 'duid:00', keys: ['duid:00', 'uuid:2'] }), ipv6);
    assert.equal(kept.addressOf({ key: 'duid:00', keys: ['duid:00'] }), undefined);
  });
});
