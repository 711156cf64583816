/** What a boot server plans, decides, advertises and remembers over IPv6. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Ipv6Address, parseIpv4, parseMac } from '../../src/bytes/index.ts';
import type { BootClient, BootClientKind } from '../../src/dhcp6/index.ts';
import { SqliteFleetStore } from '../../src/fleet/sqlite/store.ts';
import { parseIscsiName } from '../../src/iscsi/name.ts';
import type { Ipv6InterfaceAddress, NetworkInterface } from '../../src/os/network.ts';
import { decideBoot6 } from '../../src/server/boot6-policy.ts';
import { planInterfaces } from '../../src/server/interface-plan.ts';
import { planRelayedIpv6 } from '../../src/server/ipv6-plan.ts';
import { Machines } from '../../src/server/machines.ts';
import type { Ipv6Options } from '../../src/server/options.ts';
import { askDhcp6 } from '../../src/server/router-advertisement.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { wantedOfInterfaces } from '../support/wanted-of-interfaces.ts';

const mac = parseMac('52:54:00:12:34:56');
const ip = (text: string) => text as Ipv6Address;

type Address = readonly [address: string, prefix: number, state?: Ipv6InterfaceAddress['state']];

function networkInterface(name: string, addresses: readonly Address[]): NetworkInterface {
  const ipv6 = addresses.map(([address, prefix, state = 'preferred']) => ({ address: ip(address), prefix, state }));
  return { name, mac, up: true, ipv4: [{ address: parseIpv4('192.0.2.1'), prefix: 24 }], ipv6 };
}

const nothing: Ipv6Options = {
  ...{ prefixes: [], pools: [], relayedPrefixes: [], reservations: [], dns: [], rapidCommit: false },
};
const range = (first: string, last: string) => ({ first: ip(first), last: ip(last) });

const wantedOfIpv4 = { ...wantedOfInterfaces, dhcpMode: 'off' } as const;

/** The plan of `br0`. */
function plan(
  addresses: readonly Address[],
  wanted: Partial<Ipv6Options> = {},
  others: readonly NetworkInterface[] = [],
) {
  const present = [networkInterface('br0', addresses), ...others];
  const [first] = planInterfaces(present, { ...wantedOfIpv4, ipv6: { ...nothing, ...wanted } });
  assert.ok(first?.ipv6 !== undefined);
  return first.ipv6;
}

describe('the plan', () => {
  test('takes an address that machines can reach, and a pool of its prefix', () => {
    assert.deepEqual(
      plan([
        ['fe80::1', 64],
        ['2001:db8:7::1', 64],
      ]),
      {
        address: '2001:db8:7::1',
        prefix: { network: '2001:db8:7::', length: 64 },
        pool: { first: '2001:db8:7::1:0', last: '2001:db8:7::1:ffff' },
        excluded: ['2001:db8:7::1'],
      },
    );
    assert.equal(plan([['fd00::1', 111]]).pool.last, 'fd00::1:ffff');
  });

  test('of a small network gives the upper half', () => {
    assert.deepEqual(plan([['fd00::1', 120]]).pool, range('fd00::80', 'fd00::ff'));
    assert.deepEqual(plan([['fd00::1', 126]]).pool, range('fd00::2', 'fd00::3'));
  });

  test('takes the pool that it is given, and the address that the pool belongs to', () => {
    const pools = [range('fd00:2::100', 'fd00:2::1ff')];
    const given = plan(
      [
        ['fd00:1::1', 64],
        ['fd00:2::1', 64],
      ],
      { pools },
    );
    assert.equal(given.address, 'fd00:2::1');
    assert.deepEqual(given.pool, pools[0]);
  });

  test('takes the prefix that it is given instead of the interface’s', () => {
    const prefixes = [{ network: ip('fd00:2::'), length: 64 }];
    const given = plan(
      [
        ['fd00:1::1', 64],
        ['fd00:2::1', 128],
      ],
      { prefixes },
    );
    assert.deepEqual([given.address, given.prefix], ['fd00:2::1', prefixes[0]]);
  });

  test('keeps every address of the server out of the pool, on whichever interface', () => {
    const other = networkInterface('br1', [['fd00::1:7', 64]]);
    assert.deepEqual(plan([['fd00::1', 64]], {}, [other]).excluded, ['fd00::1', 'fd00::1:7']);
  });

  test('of a network behind a relay agent has a pool of its own, without its router', () => {
    const prefix = { network: ip('fd00:9::'), length: 64 };
    const relayedPrefixes = [{ prefix, router: ip('fd00:9::1') }];
    const excluded = ['fd00:9::1'];
    assert.deepEqual(planRelayedIpv6({ ...nothing, relayedPrefixes }), [
      { prefix, pool: range('fd00:9::1:0', 'fd00:9::1:ffff'), excluded },
    ]);
    const pools = [range('fd00:9::1', 'fd00:9::9')];
    assert.deepEqual(planRelayedIpv6({ ...nothing, relayedPrefixes, pools }), [{ prefix, pool: pools[0], excluded }]);
    assert.notDeepEqual(
      plan([['fd00::1', 64]], { relayedPrefixes, pools }).pool,
      pools[0],
      'it is the other network’s',
    );
  });

  test('is refused where a disk could not be named or a machine be given an address', () => {
    for (const addresses of [
      [],
      [['fe80::1', 64]],
      [['2001:db8::1', 128]],
      [['2001:db8::1', 127]],
      [['2001:db8::1', 64, 'duplicate']],
    ] as const) {
      assert.throws(() => plan(addresses), { code: 'INTERFACE_NO_IPV6_ADDRESS' });
    }
  });

  test('is refused when what is given is for no network that is served', () => {
    const refused = (wanted: Partial<Ipv6Options>, code: string) =>
      assert.throws(() => plan([['fd00::1', 64]], wanted), { code });
    refused({ prefixes: [{ network: ip('fd00:5::'), length: 64 }] }, 'DHCP6_PREFIX_UNUSED');
    refused({ pools: [range('fd00:5::1', 'fd00:5::9')] }, 'DHCP6_POOL_OUTSIDE_PREFIX');
    refused({ pools: [range('fd00::10', 'fd00::19'), range('fd00::20', 'fd00::29')] }, 'DHCP6_POOL_OUTSIDE_PREFIX');
    refused({ pools: [range('fd00::10', 'fd00:5::19')] }, 'DHCP6_POOL_OUTSIDE_PREFIX');
    refused({ pools: [range('fd00::19', 'fd00::10')] }, 'DHCP6_POOL_EMPTY');
    refused({ pools: [range('fd00::1', 'fd00::1')] }, 'DHCP6_POOL_EMPTY');
  });
});

describe('boot policy over IPv6', () => {
  const place = { address: ip('2001:db8::1'), http: '[2001:db8::1]:8080', tftp: '[2001:db8::1]', iscsiPort: 3260 };
  const disk = {
    targetName: parseIscsiName('iqn.2026-11.internal.diskless:52-54-00-12-34-56'),
    initiatorName: parseIscsiName('iqn.2026-11.internal.diskless:initiator:52-54-00-12-34-56'),
    hostName: undefined,
  };
  const rootPath = 'iscsi:[2001:db8::1]::::iqn.2026-11.internal.diskless:52-54-00-12-34-56';

  function decide(kind: BootClientKind, architectures: readonly number[] = [], at = place) {
    const identity = { duid: undefined, hardwareAddress: mac, userClasses: [], vendorClass: undefined, requested: [] };
    const client: BootClient = { kind, architectures, ...identity };
    return decideBoot6(client, mac, at, disk, (name) => ['snponly.efi', 'ipxe.efi'].includes(name));
  }

  test('firmware gets its architecture’s loader, by TFTP or by HTTP', () => {
    assert.deepEqual(decide('pxe', [7]), {
      kind: 'loader',
      answer: { bootFileUrl: 'tftp://[2001:db8::1]/snponly.efi' },
      loader: 'snponly.efi',
    });
    assert.deepEqual(decide('http', [16]), {
      kind: 'loader',
      answer: { bootFileUrl: 'http://[2001:db8::1]:8080/ipxe.efi' },
      loader: 'ipxe.efi',
    });
    assert.deepEqual(decide('pxe', [11]), { kind: 'no-loader', architectures: [11] });
    assert.deepEqual(decide('pxe', [16]), { kind: 'no-loader', architectures: [16] });
  });

  test('iPXE gets a script, whoever can read a Root Path gets it (RFC 5970 §5)', () => {
    assert.equal(decide('ipxe').kind, 'script');
    const { answer } = decide('ipxe') as { answer: { bootFileUrl: string } };
    assert.equal(answer.bootFileUrl, 'http://[2001:db8::1]:8080/boot.ipxe?mac=52:54:00:12:34:56');
    for (const kind of ['uefi-iscsi', 'iscsi-rom', 'other'] as const) {
      assert.deepEqual(decide(kind), {
        kind: 'disk',
        answer: { bootFileUrl: rootPath, initiatorName: disk.initiatorName },
      });
    }
    const elsewhere = decide('other', [], { ...place, iscsiPort: 3261 });
    assert.ok(elsewhere.kind === 'disk' && elsewhere.answer.bootFileUrl?.startsWith('iscsi:[2001:db8::1]::3261::'));
  });
});

describe('the router advertisement that points to DHCPv6', () => {
  test('says M and O, no router, and that the prefix is on the link (RFC 4861 §4.2, §4.6.2)', () => {
    const message = askDhcp6({ network: ip('2001:db8:7::'), length: 64 });
    assert.equal(
      Buffer.from(message).toString('hex'),
      [
        '86000000 00c00000 00000000 00000000', // type 134, M and O, router lifetime 0
        '0304 40 80 ffffffff ffffffff 00000000', // prefix information: 64 bits, on link, not autonomous
        '20010db8000700000000000000000000',
      ]
        .join('')
        .replaceAll(' ', ''),
    );
  });
});

describe('who is at an IPv6 address', () => {
  test('tells the lease, the last login, or the address itself when it was made of the card’s (RFC 4291 appendix A)', async () => {
    const clock = new SimulatedClock();
    await using store = new SqliteFleetStore(':memory:');
    const machines = new Machines(store, 'iqn.2026-11.internal.diskless', clock, () => undefined);
    const address = ip('2001:db8::1:7');
    assert.equal(machines.at(address), undefined);
    const lease = {
      ...{ address, clientKey: mac, duid: '00030001525400123456', iaid: 7, hardwareAddress: mac },
      ...{ state: 'bound' as const, start: clock.now(), expires: clock.now() + 1000 },
    };
    await store.ipv6Leases.save(lease);
    assert.deepEqual(store.ipv6Leases.leaseAt(address), lease);
    assert.equal(machines.at('2001:db8:0:0::1:7'), mac);
    clock.advance(2000);
    assert.equal(machines.at(address), undefined);
    machines.loggedInFrom(address, mac);
    assert.equal(machines.at(address), mac);
    assert.equal(machines.at('2001:db8::5054:ff:fe12:3456'), mac);
    assert.equal(machines.at('neither'), undefined);
  });

  test('leases of IPv6 are one record an address, and nobody’s when declined', async () => {
    await using store = new SqliteFleetStore(':memory:');
    const { ipv6Leases } = store;
    const lease = {
      ...{
        address: ip('2001:db8::9'),
        clientKey: 'duid:0004',
        duid: '0004',
        iaid: 0xffff_ffff,
        hardwareAddress: undefined,
      },
      ...{ state: 'bound' as const, start: 1, expires: 2 },
    };
    const saved = ipv6Leases.save(lease);
    assert.deepEqual([...ipv6Leases.leasesOf('duid:0004')], [lease]);
    await saved;
    await ipv6Leases.save({ ...lease, state: 'declined' });
    assert.deepEqual([...ipv6Leases.leasesOf('duid:0004')], []);
    assert.deepEqual([...ipv6Leases.leases()], [{ ...lease, state: 'declined' }]);
  });
});
