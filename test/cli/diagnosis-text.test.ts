/** A diagnosis as a person reads it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Naming, SeenDisk } from '../../src/boot/doctor/observation.ts';
import { readRootPath } from '../../src/boot/doctor/root-path-reading.ts';
import { parseIpv6 } from '../../src/bytes/index.ts';
import { diagnosisLines } from '../../src/cli/diagnosis-text.ts';

const text = 'iscsi:192.0.2.1::::iqn.2001-04.com.example:disk';

function disk(...namings: Naming[]): SeenDisk {
  const { reading } = readRootPath(new TextEncoder().encode(text));
  assert.ok(reading.kind === 'iscsi');
  return {
    ...{ path: reading.path, text, namings, portal: '192.0.2.1:3260' },
    connection: { kind: 'good', value: '192.0.2.1' },
    listed: { kind: 'good', value: [reading.path.targetName] },
    login: { kind: 'good', value: undefined },
    disk: { kind: 'good', value: { size: 1 << 20, bootableBy: ['BIOS'] } },
  };
}

const nothing = { offers: undefined, dhcp6: undefined, routers: undefined, lease: undefined, disks: [] };

test('a router has one line, which says what is on the link and where it leads', () => {
  const [network, length] = [parseIpv6('2001:db8::'), 64];
  const routers = [
    { address: parseIpv6('fe80::1'), onLink: [{ network, length }], routes: [], nameServers: [] },
    { address: parseIpv6('fe80::2'), onLink: [], routes: [{ network: parseIpv6('::'), length: 0 }], nameServers: [] },
  ];
  const [first, second] = diagnosisLines({ observation: { ...nothing, routers }, findings: [], clients: [] });
  assert.equal(first, 'router  fe80::1  on the link: 2001:db8::/64; leads to nothing');
  assert.equal(second, 'router  fe80::2  on the link: nothing; leads to ::/0');
});

test('a disk has one line, which says who names it to whom', () => {
  const [first, second] = ['the offer of 192.0.2.1', 'the offer of 192.0.2.9'] as const;
  for (const [namings, named] of [
    [[{ origin: first, askedAs: 'plain' }], `${first} to others`],
    [[{ origin: first, askedAs: 'ipxe' }], `${first} to iPXE`],
    [
      [
        { origin: first, askedAs: 'plain' },
        { origin: first, askedAs: 'ipxe' },
        { origin: second, askedAs: 'ipxe' },
      ],
      `${first} to all, ${second} to iPXE`,
    ],
    [
      [
        { origin: 'the user', askedAs: 'user' },
        { origin: 'DHCPv6 of 0003', askedAs: 'dhcp6' },
      ],
      'the user, DHCPv6 of 0003',
    ],
  ] as const satisfies readonly (readonly [readonly Naming[], string])[]) {
    const observation = { ...nothing, disks: [disk(...namings)] };
    const [line, ...others] = diagnosisLines({ observation, findings: [], clients: [] });
    const seen = '1 MiB, bootable by BIOS, SendTargets names iqn.2001-04.com.example:disk';
    assert.equal(line, `disk  ${named}  ${text}: ${seen}`);
    assert.deepEqual(others, ['', '', 'nothing is wrong']);
  }
});
