import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseIpv4, parseMac } from '../../src/bytes/index.ts';
import type { NetworkInterface } from '../../src/os/network.ts';
import { planInterfaces } from '../../src/server/interface-plan.ts';
import { planRelayedIpv4 } from '../../src/server/ipv4-plan.ts';
import { wantedOfInterfaces as wanted } from '../support/wanted-of-interfaces.ts';

function networkInterface(name: string, ...addresses: string[]): NetworkInterface {
  const ipv4 = addresses.map((text) => {
    const [address = '', prefix = ''] = text.split('/');
    return { address: parseIpv4(address), prefix: Number(prefix) };
  });
  return { name, mac: parseMac(name === 'lo' ? '00:00:00:00:00:00' : '52:54:00:00:00:01'), up: true, ipv4, ipv6: [] };
}

const range = (first: string, last: string) => ({ first: parseIpv4(first), last: parseIpv4(last) });

describe('interface plan', () => {
  test('the pool is the upper half of the subnet', () => {
    const [plan] = planInterfaces([networkInterface('br0', '192.0.2.1/24')], wanted);
    assert.deepEqual(plan?.ipv4?.pool, range('192.0.2.128', '192.0.2.254'));
    assert.equal(plan?.ipv4?.address, '192.0.2.1');
  });

  test('a small subnet is used as a whole, without the server’s own address', () => {
    const [plan] = planInterfaces([networkInterface('br0', '192.0.2.1/28')], wanted);
    assert.deepEqual(plan?.ipv4?.pool, range('192.0.2.1', '192.0.2.14'));
    assert.deepEqual(plan?.ipv4?.excluded, ['192.0.2.1']);
  });

  test('of several addresses the one that the pool belongs to is served', () => {
    const present = [networkInterface('br0', '198.51.100.1/24', '192.0.2.1/24')];
    const [plan] = planInterfaces(present, { ...wanted, pools: [range('192.0.2.50', '192.0.2.60')] });
    assert.equal(plan?.ipv4?.address, '192.0.2.1');
    assert.deepEqual(plan?.ipv4?.pool, range('192.0.2.50', '192.0.2.60'));
  });

  test('a link-local address is the last choice', () => {
    const [plan] = planInterfaces([networkInterface('br0', '169.254.3.4/16', '192.0.2.1/24')], wanted);
    assert.equal(plan?.ipv4?.address, '192.0.2.1');
  });

  test('a network behind a relay agent has a pool of its own, without its router', () => {
    const router = parseIpv4('198.51.100.1');
    const subnet = { network: parseIpv4('198.51.100.0'), prefix: 24 };
    const pool = { first: parseIpv4('198.51.100.1'), last: parseIpv4('198.51.100.9') };
    const relayedSubnets = [{ subnet, router }];
    const [whole] = planRelayedIpv4({ relayedSubnets, pools: [] });
    assert.deepEqual(whole?.pool, { first: '198.51.100.128', last: '198.51.100.254' });
    const [given] = planRelayedIpv4({ relayedSubnets, pools: [pool] });
    assert.deepEqual(given, { subnet, pool, excluded: [router], router });
    const present = [networkInterface('br0', '192.0.2.1/24')];
    const [plan] = planInterfaces(present, { ...wanted, relayedSubnets, pools: [pool] });
    assert.notDeepEqual(plan?.ipv4?.pool, pool, 'it is the other network’s');
  });

  test('the router is kept out of the pool', () => {
    const router = parseIpv4('192.0.2.254');
    const [plan] = planInterfaces([networkInterface('br0', '192.0.2.1/24')], { ...wanted, router });
    assert.ok(plan?.ipv4?.excluded.includes(router));
  });

  test('no machine is given an address that the server has on whichever of its interfaces', () => {
    const present = [
      networkInterface('br0', '192.0.2.1/24'),
      networkInterface('br1', '192.0.2.200/24', '198.51.100.1/24'),
    ];
    const plans = planInterfaces(present, { ...wanted, interfaces: ['br0', 'br1'] });
    assert.deepEqual(
      plans.map(({ ipv4 }) => ipv4?.excluded),
      [
        ['192.0.2.1', '192.0.2.200'],
        ['192.0.2.1', '192.0.2.200'],
      ],
    );
  });

  test('without DHCP even loopback can be served', () => {
    const present = [networkInterface('lo', '127.0.0.1/8')];
    const [plan] = planInterfaces(present, { ...wanted, interfaces: ['lo'], dhcpMode: 'off' });
    assert.equal(plan?.ipv4?.address, '127.0.0.1');
    assert.equal(plan?.ipv4?.pool, undefined);
  });

  const refusals: [string, NetworkInterface[], Partial<Parameters<typeof planInterfaces>[1]>, string, RegExp][] = [
    [
      'no interface given',
      [networkInterface('br0', '192.0.2.1/24')],
      { interfaces: [] },
      'INTERFACE_NOT_GIVEN',
      /br0 \(192\.0\.2\.1\/24\)/,
    ],
    ['an unknown interface', [networkInterface('eth1', '192.0.2.1/24')], {}, 'INTERFACE_UNKNOWN', /eth1/],
    [
      'an interface that is down',
      [{ ...networkInterface('br0', '192.0.2.1/24'), up: false }],
      {},
      'INTERFACE_DOWN',
      /ip link set br0 up/,
    ],
    ['an interface without an address', [networkInterface('br0')], {}, 'INTERFACE_NO_ADDRESS', /ip address add/],
    [
      'DHCP on loopback',
      [networkInterface('lo', '127.0.0.1/8')],
      { interfaces: ['lo'] },
      'INTERFACE_NO_DHCP',
      /--dhcp off/,
    ],
    [
      'a pool of another subnet',
      [networkInterface('br0', '192.0.2.1/24')],
      { pools: [range('198.51.100.10', '198.51.100.20')] },
      'DHCP_POOL_OUTSIDE_SUBNET',
      /subnet/,
    ],
    [
      'a pool that leaves the subnet',
      [networkInterface('br0', '192.0.2.1/24')],
      { pools: [range('192.0.2.200', '192.0.3.20')] },
      'DHCP_POOL_OUTSIDE_SUBNET',
      /192\.0\.2\.1-192\.0\.2\.254/,
    ],
    [
      'a pool the wrong way round',
      [networkInterface('br0', '192.0.2.1/24')],
      { pools: [range('192.0.2.99', '192.0.2.50')] },
      'DHCP_POOL_EMPTY',
      /./,
    ],
    ['a subnet without room', [networkInterface('br0', '192.0.2.1/31')], {}, 'DHCP_POOL_EMPTY', /./],
    [
      'a router elsewhere',
      [networkInterface('br0', '192.0.2.1/24')],
      { router: parseIpv4('198.51.100.1') },
      'ROUTER_OUTSIDE_SUBNET',
      /own network/,
    ],
  ];
  for (const [name, present, change, code, hint] of refusals) {
    test(`refuses ${name}`, () => {
      assert.throws(
        () => planInterfaces(present, { ...wanted, ...change }),
        (error: Error & { code: string; hint: string }) => {
          assert.equal(error.code, code);
          assert.match(`${error.message} ${error.hint}`, hint);
          return true;
        },
      );
    });
  }
});
