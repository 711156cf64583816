import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DiscoveryContext } from '../../src/boot/discovery-service.ts';
import { isnsService } from '../../src/boot/isns-service.ts';
import { findIsnsServers } from '../../src/boot/slp-management.ts';
import { parseIpv4 } from '../../src/bytes/index.ts';
import { isnsAdvertisement } from '../../src/server/isns-advertisement.ts';
import { allOf } from '../../src/slp/advertisement.ts';
import { type Advertisement, ISCSI_SMS, managementServiceAttributes } from '../../src/slp/index.ts';
import { advertised, machine, SlpWorld } from '../server/slp-world.ts';
import { bareInterface } from './simulated-lan.ts';

function management(url: string, protocol: string, serverPriority: number): Advertisement {
  const attributes = managementServiceAttributes({ protocols: [protocol], transports: ['tcp'], serverPriority });
  return { url, serviceType: ISCSI_SMS, scopes: ['DEFAULT'], languageTag: 'en', lifetime: 600, attributes };
}

describe('finding iSNS servers by SLP (RFC 4018 §4.2, §5.3)', () => {
  const find = (world: SlpWorld) =>
    world.whileTimePasses(
      findIsnsServers({
        network: world.segment.host(machine),
        clock: world.clock,
        random: () => 0,
        address: machine,
        timeout: 30_000,
        signal: new AbortController().signal,
      }),
    );

  test('the primary server, of the lowest priority value, comes first; other protocols and URLs that are none are left out', async () => {
    await using world = new SlpWorld();
    await world.serve('192.0.2.1', [
      management('service:iscsi:sms://192.0.2.11:3206', 'isns', 1),
      management('service:iscsi:sms://192.0.2.10:3205', 'isns', 0),
      management('service:iscsi:sms://192.0.2.12:80', 'smsp', 0),
      management('service:iscsi:sms://192.0.2.13', 'isns', 0),
    ]);
    assert.deepEqual(await find(world), [
      { host: '192.0.2.10', port: 3205 },
      { host: '192.0.2.11', port: 3206 },
    ]);
  });

  test('the boot server’s own is found beside its targets', async () => {
    await using world = new SlpWorld();
    const isns = isnsAdvertisement({ host: '192.0.2.1', port: 3205, scopes: ['DEFAULT'] });
    const targets = { advertisements: () => [advertised('192.0.2.1', 'disk')] };
    const services = allOf([targets, { advertisements: () => [isns] }]);
    await world.serve('192.0.2.1', [], { services });
    assert.deepEqual(await find(world), [{ host: '192.0.2.1', port: 3205 }]);
    assert.equal((await world.find()).targets.length, 1);
  });

  test('the boot asks SLP where nobody has named a server, and says so when there is none', async () => {
    await using world = new SlpWorld();
    const steps: string[] = [];
    const context: DiscoveryContext = {
      network: world.segment.host(machine),
      clock: world.clock,
      random: () => 0,
      interface: { ...bareInterface, ipv4: [{ address: parseIpv4(machine), prefix: 24 }] },
      locations: { isnsServers: [], slpAgents: [], slpScopes: [], slpMulticast: true },
      timeout: 40_000,
      signal: new AbortController().signal,
      trace: { step: (text) => steps.push(text) },
    };
    const ask = () =>
      world.whileTimePasses(isnsService.findTargets({ initiatorName: 'iqn.2001-04.com.example:host' }, context));
    await assert.rejects(ask(), { code: 'BOOT_ISNS_SERVER_UNKNOWN' });
    await world.serve('192.0.2.1', [management('service:iscsi:sms://192.0.2.10:3205', 'isns', 0)]);
    // Nobody listens there: it is the server that was to be asked.
    await assert.rejects(ask(), { code: 'NETWORK_REFUSED', message: /192\.0\.2\.10 port 3205/ });
    assert.ok(steps.includes('SLP tells of an iSNS server at 192.0.2.10:3205'), steps.join('\n'));
  });

  test('nobody knows one: none, in time', async () => {
    await using world = new SlpWorld();
    assert.deepEqual(await find(world), []);
    assert.equal(world.segment.open, 0);
  });
});
