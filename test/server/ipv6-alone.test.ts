/** What is planned for interfaces without an IPv4 address. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type DisklessError, parseIpv4, parseIpv6, parseMac } from '../../src/bytes/index.ts';
import type { NetworkInterface } from '../../src/os/network.ts';
import { planInterfaces, servedAddresses } from '../../src/server/interface-plan.ts';
import type { BootServerOptions } from '../../src/server/options.ts';
import { wantedOfInterfaces } from '../support/wanted-of-interfaces.ts';

const mac = parseMac('52:54:00:00:00:01');

function networkInterface(name: string, ipv6: string, ipv4?: string): NetworkInterface {
  const preferred = { address: parseIpv6(ipv6), prefix: 64, state: 'preferred' } as const;
  const first = ipv4 === undefined ? [] : [{ address: parseIpv4(ipv4), prefix: 24 }];
  return { name, mac, up: true, ipv4: first, ipv6: [preferred] };
}

const alone = networkInterface('br0', 'fd00:77::1');
const both = networkInterface('br1', 'fd00:78::1', '192.0.2.1');
const ipv4Pool = { first: parseIpv4('192.0.2.50'), last: parseIpv4('192.0.2.59') };
const ipv6 = { prefixes: [], pools: [], relayedPrefixes: [], reservations: [], dns: [], rapidCommit: false };
const wanted = { ...wantedOfInterfaces, ipv6 } as const;

type Change = Partial<Parameters<typeof planInterfaces>[1]>;

function refused(present: readonly NetworkInterface[], change: Change, code: string, text: RegExp): void {
  const isIt = (error: DisklessError) => {
    assert.equal(error.code, code);
    assert.match(`${error.message}. ${error.hint}`, text);
    return true;
  };
  assert.throws(() => planInterfaces(present, { ...wanted, ...change }), isIt);
}

describe('an interface without an IPv4 address', () => {
  for (const dhcpMode of ['auto', 'off'] as const) {
    test(`is served over IPv6 alone with --dhcp ${dhcpMode}`, () => {
      const [plan] = planInterfaces([alone], { ...wanted, dhcpMode });
      assert.ok(plan !== undefined && plan.ipv4 === undefined);
      assert.deepEqual(servedAddresses(plan), [{ address: 'fd00:77::1', network: 'fd00:77::/64' }]);
    });
  }

  for (const dhcpMode of ['full', 'proxy'] as const) {
    test(`is refused with --dhcp ${dhcpMode}, which is of IPv4`, () =>
      refused(
        [alone],
        { dhcpMode },
        'INTERFACE_NO_ADDRESS',
        new RegExp(`br0 .*--dhcp ${dhcpMode} .*ip address add 192`),
      ));
  }

  test('is refused without --dhcp6 on, which would do where it has an address that a Root Path can name', () => {
    refused([alone], { ipv6: undefined }, 'INTERFACE_NO_ADDRESS', /Give --dhcp6 on to serve it over IPv6 alone/);
    const onLink = networkInterface('br0', 'fe80::1');
    refused([onLink], { ipv6: undefined }, 'INTERFACE_NO_ADDRESS', /no IPv4 address\. Give the interface an address/);
  });

  test('is refused with a link-local address alone, which no Root Path can name', () => {
    const onLink = networkInterface('br0', 'fe80::1');
    refused([onLink], {}, 'INTERFACE_NO_IPV6_ADDRESS', /\(fe80::1\/64: link-local, which no Root Path can name\)/);
    assert.throws(
      () => planInterfaces([onLink], wanted),
      ({ hint }: DisklessError) => !hint?.includes('--dhcp6 off'),
    );
  });

  const ofIpv4: readonly (readonly [flag: string, change: Change])[] = [
    ['--pool', { pools: [ipv4Pool] }],
    [
      '--relayed-subnet',
      { relayedSubnets: [{ subnet: { network: parseIpv4('10.2.0.0'), prefix: 16 }, router: undefined }] },
    ],
    ['--reserve', { reservations: [{ client: mac, address: parseIpv4('192.0.2.9') }] }],
    ['--dhcp-auth-file', { authenticationKeys: [{} as BootServerOptions['authenticationKeys'][number]] }],
    ['--slp-agent', { slp: { scopes: ['DEFAULT'], directoryAgents: [parseIpv4('192.0.2.2')], isIpsecPresent: false } }],
    ['--dns', { dns: [parseIpv4('192.0.2.53')] }],
    ['--router', { router: parseIpv4('192.0.2.254') }],
  ];
  for (const [flag, change] of ofIpv4) {
    test(`is refused where nothing has one and ${flag} is of IPv4`, () => {
      refused(
        [alone],
        change,
        'INTERFACE_NO_ADDRESS',
        new RegExp(`^${flag} is of IPv4, and no served interface .*br0`),
      );
      refused([alone], { ...change, dhcpMode: 'off' }, 'INTERFACE_NO_ADDRESS', new RegExp(`^${flag} is of IPv4`));
      // What is for all interfaces is for those that have one.
      planInterfaces([alone, both], { ...wanted, ...change, interfaces: ['br0', 'br1'] });
    });
  }

  test('takes nothing from another’s pool', () => {
    const [first, second] = planInterfaces([alone, both], { ...wanted, interfaces: ['br0', 'br1'], pools: [ipv4Pool] });
    assert.equal(first?.ipv4, undefined);
    assert.deepEqual(second?.ipv4?.pool, ipv4Pool);
    const outside = { first: parseIpv4('198.51.100.1'), last: parseIpv4('198.51.100.9') };
    refused(
      [alone, both],
      { interfaces: ['br0', 'br1'], pools: [outside] },
      'DHCP_POOL_OUTSIDE_SUBNET',
      /192\.0\.2\.0\/24/,
    );
  });
});
