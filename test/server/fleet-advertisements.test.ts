import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type MacAddress, parseIpv4, parseMac } from '../../src/bytes/index.ts';
import { SqliteFleetStore } from '../../src/fleet/sqlite/store.ts';
import { FleetAdvertisements } from '../../src/server/fleet-advertisements.ts';
import { Machines } from '../../src/server/machines.ts';
import {
  parsePredicate,
  queryForBootTargets,
  queryForInitiator,
  queryForTarget,
  satisfies,
} from '../../src/slp/index.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';

const prefix = 'iqn.2026-11.internal.diskless';
const known = parseMac('52:54:00:00:00:01');
const unknown = parseMac('52:54:00:00:00:02');
const targetOf = (mac: string) => `${prefix}:${mac.replaceAll(':', '-')}`;
const initiatorOf = (mac: string) => `${prefix}:initiator:${mac.replaceAll(':', '-')}`;

describe('the targets of the fleet, as SLP advertises them', () => {
  /** Targets that are found by a query from an address. */
  async function find(query: string, asker: string | undefined, at: readonly (readonly [string, MacAddress])[] = []) {
    await using store = new SqliteFleetStore(':memory:');
    const machines = new Machines(store, prefix, new SimulatedClock(), (address) => new Map(at).get(address));
    await machines.seen(known);
    const source = new FleetAdvertisements({
      machines,
      known: () => store.hosts.all().map(({ hardwareAddress }) => hardwareAddress),
      host: parseIpv4('192.0.2.1'),
      port: 3261,
      scopes: ['DEFAULT'],
    });
    const predicate = parsePredicate(query);
    const found = [...source.advertisements(predicate, asker)].filter(({ attributes }) =>
      satisfies(attributes, predicate),
    );
    return found.map(({ url }) => url.replace('service:iscsi:target://192.0.2.1:3261/', ''));
  }

  test('are those of all machines that were ever seen', async () => {
    assert.deepEqual(await find('', undefined), [targetOf(known)]);
  });

  test('are found by name, also when the machine was never seen: its target is made when it logs in', async () => {
    assert.deepEqual(await find(queryForTarget(targetOf(known)), '192.0.2.9'), [targetOf(known)]);
    assert.deepEqual(await find(queryForTarget(targetOf(unknown)), '192.0.2.9'), [targetOf(unknown)]);
    assert.deepEqual(await find(queryForTarget('iqn.2001-04.com.example:disk'), '192.0.2.9'), []);
  });

  test('are found by the initiator name that a machine has from us, and by no other machine’s', async () => {
    for (const query of [queryForInitiator, queryForBootTargets]) {
      assert.deepEqual(await find(query(initiatorOf(known)), '192.0.2.9'), [targetOf(known)]);
      assert.deepEqual(await find(query(initiatorOf(unknown)), '192.0.2.9'), [targetOf(unknown)]);
      assert.deepEqual(await find(query('iqn.2001-04.com.example:stranger'), '192.0.2.9'), []);
    }
  });

  test('whoever is at a machine’s address finds that machine’s, under any name', async () => {
    const at = [['192.0.2.9', unknown]] as const;
    const query = queryForBootTargets('iqn.2001-04.com.example:own-name');
    assert.deepEqual(await find(query, '192.0.2.9', at), [targetOf(unknown)]);
    assert.deepEqual(await find(query, '192.0.2.8', at), []);
  });
});
