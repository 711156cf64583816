import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type Ipv4Address, ipv4FromNumber, parseIpv4, parseIpv6, parseMac } from '../../src/bytes/index.ts';
import type { Host } from '../../src/fleet/host.ts';
import type { Lease } from '../../src/fleet/lease.ts';
import { BOOTS_KEPT, STEPS_KEPT } from '../../src/fleet/sqlite/boots.ts';
import { SqliteFleetStore } from '../../src/fleet/sqlite/store.ts';

const mac = parseMac('52:54:00:12:34:56');
const otherMac = parseMac('52:54:00:12:34:57');

const lease: Lease = {
  address: parseIpv4('192.0.2.130'),
  clientKey: mac,
  hardwareAddress: mac,
  state: 'bound',
  start: 1_800_000_000_000,
  expires: 1_800_043_200_000,
  hostName: 'desk-7',
};

const host: Host = {
  hardwareAddress: mac,
  name: undefined,
  targetName: 'iqn.2026-11.internal.diskless:52-54-00-12-34-56',
  address: parseIpv4('192.0.2.50'),
  ipv6Address: parseIpv6('2001:db8::50'),
  image: undefined,
  firstSeen: 1_800_000_000_000,
  lastSeen: 1_800_000_000_001,
};

describe('the fleet’s store', () => {
  let directory = '';
  let path = '';
  let store: SqliteFleetStore;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'diskless-fleet-'));
    path = join(directory, 'state.db');
    store = new SqliteFleetStore(path);
  });
  afterEach(async () => {
    await store.close();
    await rm(directory, { recursive: true });
  });

  async function reopen(): Promise<void> {
    await store.close();
    store = new SqliteFleetStore(path);
  }

  test('a lease is there after opening again, with all that it says', async () => {
    const withoutNames: Lease = {
      ...lease,
      address: parseIpv4('192.0.2.131'),
      hardwareAddress: undefined,
      clientKey: 'id:01',
      hostName: undefined,
    };
    await Promise.all([store.leases.save(lease), store.leases.save(withoutNames)]);
    await reopen();
    assert.deepEqual(store.leases.leaseAt(lease.address), lease);
    assert.deepEqual(store.leases.leaseAt(withoutNames.address), withoutNames);
    assert.deepEqual([...store.leases.leasesOf(mac)], [lease]);
    assert.equal([...store.leases.leases()].length, 2);
  });

  test('a lease can be read from the moment it is saved', async () => {
    const saved = store.leases.save(lease);
    assert.deepEqual(store.leases.leaseAt(lease.address), lease);
    await saved;
  });

  test('one record per address: saving replaces', async () => {
    await store.leases.save(lease);
    await store.leases.save({ ...lease, clientKey: otherMac, hardwareAddress: otherMac });
    assert.deepEqual([...store.leases.leasesOf(mac)], []);
    assert.equal(store.leases.leaseAt(lease.address)?.clientKey, otherMac);
  });

  test('a declined address is nobody’s lease', async () => {
    await store.leases.save({ ...lease, state: 'declined' });
    assert.deepEqual([...store.leases.leasesOf(mac)], []);
    assert.equal(store.leases.leaseAt(lease.address)?.state, 'declined');
  });

  test('a host is found by each of its names', async () => {
    await store.hosts.save(host);
    await reopen();
    assert.deepEqual(store.hosts.find(mac), host);
    assert.deepEqual(store.hosts.findByTargetName(host.targetName), host);
    assert.deepEqual(store.hosts.findByAddress(parseIpv4('192.0.2.50')), host);
    assert.deepEqual(store.hosts.findByAddress(parseIpv6('2001:db8::50')), host);
    assert.deepEqual(store.hosts.all(), [host]);
    assert.equal(store.hosts.find(otherMac), undefined);
  });

  test('an address that is no longer kept for a machine may be kept for another', async () => {
    await store.hosts.save(host);
    await store.hosts.save({ ...host, address: undefined, ipv6Address: undefined });
    const other = { ...host, hardwareAddress: otherMac, targetName: 'iqn.2026-11.internal.diskless:other' };
    await store.hosts.save(other);
    await reopen();
    assert.deepEqual(store.hosts.findByAddress(parseIpv4('192.0.2.50')), other);
    assert.deepEqual(store.hosts.findByAddress(parseIpv6('2001:db8::50')), other);
  });

  for (const [family, none] of [
    ['IPv4', { ipv6Address: undefined }],
    ['IPv6', { address: undefined }],
  ] as const) {
    test(`two machines never share an ${family} address`, async () => {
      await store.hosts.save(host);
      const other = { ...host, ...none, hardwareAddress: otherMac, targetName: 'iqn.2026-11.internal.diskless:other' };
      await assert.rejects(store.hosts.save(other), { code: 'FLEET_ADDRESS_EXISTS' });
      assert.equal(store.hosts.find(otherMac), undefined);
    });
  }

  test('the networks that are served are those of the last start', async () => {
    const ipv6 = { network: '2001:db8::/64', excluded: [parseIpv6('2001:db8::1')] };
    await store.servedNetworks.replace([{ network: '192.0.2.0/24', excluded: [parseIpv4('192.0.2.1')] }, ipv6]);
    const last = [{ network: '198.51.100.0/24', excluded: [] }, ipv6];
    await store.servedNetworks.replace(last);
    await reopen();
    assert.deepEqual(store.servedNetworks.all(), last);
  });

  test('two machines never share a target name', async () => {
    await store.hosts.save(host);
    const none = { address: undefined, ipv6Address: undefined };
    await assert.rejects(store.hosts.save({ ...host, ...none, hardwareAddress: otherMac }), {
      code: 'FLEET_TARGET_NAME_EXISTS',
    });
    assert.equal(store.hosts.find(otherMac), undefined);
  });

  test('a boot keeps its steps in order and its outcome', async () => {
    store.boots.begin({ id: 'a', hardwareAddress: mac, started: 1 });
    store.boots.addStep('a', { time: 1, stage: 'discover', text: 'first' });
    store.boots.addStep('a', { time: 2, stage: 'offer', text: 'second' });
    store.boots.finish('a', 'up');
    store.boots.begin({ id: 'b', hardwareAddress: otherMac, started: 2 });
    await reopen();
    const [newest, oldest] = store.boots.latest(10);
    assert.deepEqual([newest?.id, newest?.outcome], ['b', 'running']);
    assert.deepEqual(
      oldest?.steps.map(({ text }) => text),
      ['first', 'second'],
    );
    assert.equal(oldest?.outcome, 'up');
    assert.deepEqual(
      store.boots.latest(10, mac).map(({ id }) => id),
      ['a'],
    );
  });

  test('the history of boots is bounded, in boots and in steps', () => {
    for (let number = 0; number < BOOTS_KEPT + 10; number++) {
      store.boots.begin({ id: `boot ${number}`, hardwareAddress: mac, started: number });
    }
    const all = store.boots.latest(BOOTS_KEPT * 2);
    assert.equal(all.length, BOOTS_KEPT);
    assert.equal(all[0]?.id, `boot ${BOOTS_KEPT + 9}`);
    for (let number = 0; number < STEPS_KEPT + 10; number++) {
      store.boots.addStep(`boot ${BOOTS_KEPT + 9}`, { time: number, stage: 'discover', text: '' });
    }
    assert.equal(store.boots.latest(1)[0]?.steps.length, STEPS_KEPT);
  });

  test('the state of a newer release is refused, not damaged', async () => {
    await store.close();
    const database = new DatabaseSync(path);
    database.exec('PRAGMA user_version = 99');
    database.close();
    assert.throws(() => new SqliteFleetStore(path), { code: 'FLEET_STATE_NEWER' });
  });

  test('a file that is no database is refused with its path', async () => {
    const other = join(directory, 'other.db');
    await writeFile(other, 'this is not a database'.repeat(100));
    assert.throws(
      () => new SqliteFleetStore(other),
      (error: Error & { code: string }) => {
        assert.equal(error.code, 'FLEET_STATE_UNREADABLE');
        assert.match(error.message, /other\.db/);
        return true;
      },
    );
  });

  test('what was confirmed survives kill -9 at any time', async () => {
    await store.close();
    const child = spawn(process.execPath, [join(import.meta.dirname, 'lease-writer.ts'), path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const confirmed: Ipv4Address[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      confirmed.push(parseIpv4(line));
      if (confirmed.length === 300) child.kill('SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    assert.equal(child.signalCode, 'SIGKILL');
    store = new SqliteFleetStore(path);
    for (const address of confirmed) assert.equal(store.leases.leaseAt(address)?.state, 'bound', address);
    assert.equal(confirmed[299], ipv4FromNumber(0x0a00_0000 + 299));
  });
});
