import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type MacAddress, parseIpv4, parseMac } from '../../src/bytes/index.ts';
import { SqliteFleetStore } from '../../src/fleet/sqlite/store.ts';
import { FleetAdvertisements } from '../../src/server/fleet-advertisements.ts';
import { Machines } from '../../src/server/machines.ts';
import {
  type Advertisement,
  type Inquiry,
  parsePredicate,
  queryForBootTargets,
  queryForInitiator,
  queryForTarget,
  satisfies,
} from '../../src/slp/index.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';

const prefix = 'iqn.2026-11.internal.diskless';
const known = parseMac('52:54:00:00:00:01');
const another = parseMac('52:54:00:00:00:03');
const unknown = parseMac('52:54:00:00:00:02');
const targetOf = (mac: string) => `${prefix}:${mac.replaceAll(':', '-')}`;
const initiatorOf = (mac: string) => `${prefix}:initiator:${mac.replaceAll(':', '-')}`;

describe('the targets of the fleet, as SLP advertises them', () => {
  const place = 'service:iscsi:target://192.0.2.1:3261/';

  async function advertised(inquiry: Inquiry, at: readonly (readonly [string, MacAddress])[] = []) {
    await using store = new SqliteFleetStore(':memory:');
    const machines = new Machines(store, prefix, new SimulatedClock(), (address) => new Map(at).get(address));
    await machines.seen(known);
    await machines.seen(another);
    const source = new FleetAdvertisements({
      machines,
      known: () => store.hosts.all().map(({ hardwareAddress }) => hardwareAddress),
      host: parseIpv4('192.0.2.1'),
      port: 3261,
      scopes: ['DEFAULT'],
    });
    return [...source.advertisements(inquiry)];
  }

  const namesOf = (found: readonly Advertisement[]) => found.map(({ url }) => url.replace(place, ''));

  /** Targets that are found by a query from an address. */
  async function find(query: string, asker: string | undefined, at: readonly (readonly [string, MacAddress])[] = []) {
    const predicate = parsePredicate(query);
    const found = await advertised({ predicate, asker }, at);
    return namesOf(found.filter(({ attributes }) => satisfies(attributes, predicate)));
  }

  test('are those of all machines that were ever seen', async () => {
    assert.deepEqual(await find('', undefined), [targetOf(known), targetOf(another)]);
    assert.deepEqual(await find('(portal-group>=1)', undefined), [targetOf(known), targetOf(another)]);
    assert.deepEqual(await find(`(!(iscsi-name=${targetOf(known)}))`, undefined), [targetOf(another)]);
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

  test('are not looked at when the question cannot be about them', async () => {
    const at = [['192.0.2.9', another]] as const;
    const asked = async (query: string) =>
      namesOf(await advertised({ predicate: parsePredicate(query), asker: '192.0.2.9' }, at));
    assert.deepEqual(await asked(queryForTarget(targetOf(known).toUpperCase())), [targetOf(known)]);
    assert.deepEqual(await asked(queryForBootTargets(initiatorOf(known))), [targetOf(known), targetOf(another)]);
    assert.deepEqual(namesOf(await advertised({ url: `${place}${targetOf(unknown)}` })), [targetOf(unknown)]);
    assert.deepEqual(await advertised({ url: 'service:iscsi:sms://192.0.2.1:3205' }), []);
  });

  test('whoever is at a machine’s address finds that machine’s, under any name', async () => {
    const at = [['192.0.2.9', unknown]] as const;
    const query = queryForBootTargets('iqn.2001-04.com.example:own-name');
    assert.deepEqual(await find(query, '192.0.2.9', at), [targetOf(unknown)]);
    assert.deepEqual(await find(query, '192.0.2.8', at), []);
  });
});
