/** What the doctor finds in what it has seen: each thing that can be wrong, and a network where nothing is. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findingsOf } from '../../../src/boot/doctor/examination.ts';
import type {
  Naming,
  Observation,
  SeenDhcp6,
  SeenDisk,
  SeenOffer,
  SeenRouter,
} from '../../../src/boot/doctor/observation.ts';
import { outlooks } from '../../../src/boot/doctor/outlook.ts';
import { readRootPath, writtenFields } from '../../../src/boot/doctor/root-path-reading.ts';
import { parseIpv6 } from '../../../src/bytes/index.ts';
import { ip } from '../simulated-lan.ts';

const name = 'iqn.2001-04.com.example:disk';
const good = `iscsi:192.0.2.1::::${name}`;

function offer(rootPath: string | undefined, fields: Partial<SeenOffer> = {}): SeenOffer {
  return {
    askedAs: 'plain',
    server: ip('192.0.2.1'),
    kind: 'address',
    address: ip('192.0.2.50'),
    prefix: 24,
    routes: [],
    rootPath: rootPath === undefined ? undefined : readRootPath(new TextEncoder().encode(rootPath)),
    bootFile: undefined,
    ...fields,
  };
}

function disk(
  text: string,
  { askedAs = 'plain', ...fields }: Partial<SeenDisk> & Partial<Pick<Naming, 'askedAs'>> = {},
): SeenDisk {
  const { reading } = readRootPath(new TextEncoder().encode(text));
  assert.ok(reading.kind === 'iscsi');
  return {
    path: reading.path,
    text,
    namings: [{ origin: 'the offer of 192.0.2.1', askedAs }],
    portal: '192.0.2.1:3260',
    connection: { kind: 'good', value: '192.0.2.1' },
    listed: { kind: 'good', value: [reading.path.targetName] },
    login: { kind: 'good', value: undefined },
    disk: { kind: 'good', value: { size: 1 << 20, bootableBy: ['BIOS'] } },
    ...fields,
  };
}

const path6 = `iscsi:[2001:db8::1]::::${name}`;

/** What DHCPv6 says to everybody. */
function answered(
  bootFileUrl: string | undefined,
  bootFileParameters: readonly string[] | 'malformed' = [],
  servers = ['0003'],
): SeenDhcp6 {
  const rootPath = bootFileUrl === undefined ? undefined : readRootPath(new TextEncoder().encode(bootFileUrl));
  const answer = {
    kind: 'answer',
    server: '0003',
    bootFileUrl,
    rootPath,
    bootFileParameters,
    nameServers: [],
  } as const;
  return { plain: answer, ipxe: answer, servers };
}

const disk6 = disk(path6, { askedAs: 'dhcp6', portal: '[2001:db8::1]:3260' });
const both = (rootPath: string | undefined) => [offer(rootPath), offer(rootPath, { askedAs: 'ipxe' })];
const healthy: Observation = {
  offers: both(good),
  dhcp6: undefined,
  routers: undefined,
  lease: undefined,
  disks: [disk(good)],
};
const failed = (code: string) => ({ kind: 'failed' as const, error: { code, message: 'it failed' } });
const long = `iscsi:192.0.2.1::::iqn.2001-04.com.example:${'x'.repeat(190)}`;

const prefix = (network: string, length: number) => ({ network: parseIpv6(network), length });
const everywhere = prefix('::', 0);
const router = (fields: Partial<SeenRouter>): SeenRouter => {
  return { address: parseIpv6('fe80::1'), onLink: [], routes: [], nameServers: [], ...fields };
};
const elsewhere = router({ onLink: [prefix('2001:db8:1::', 64)], routes: [everywhere] });
/** A link with routers, where DHCPv6 names a disk. */
const routed = (rootPath: string, ...routers: SeenRouter[]): Observation => ({
  ...{ ...healthy, dhcp6: answered(rootPath), routers },
  disks: [disk(good), disk(good, { askedAs: 'ipxe' }), disk(rootPath, { askedAs: 'dhcp6' })],
});

const ill: readonly (readonly [string, Observation, readonly string[]])[] = [
  ['a healthy network', healthy, []],
  [
    'DHCP not asked',
    { offers: undefined, dhcp6: undefined, routers: undefined, lease: undefined, disks: [disk(good)] },
    [],
  ],
  ['no DHCP server', { ...healthy, offers: [], disks: [] }, ['DOCTOR_NO_DHCP_SERVER']],
  [
    'a proxy alone',
    { ...healthy, offers: both(good).map((each) => ({ ...each, kind: 'proxy' as const, address: undefined })) },
    ['DOCTOR_NO_DHCP_SERVER'],
  ],
  [
    'two DHCP servers',
    { ...healthy, offers: [...both(good), offer(good, { server: ip('192.0.2.9') })] },
    ['DOCTOR_SEVERAL_DHCP_SERVERS'],
  ],
  ['no Root Path', { ...healthy, offers: both(undefined), disks: [] }, ['DOCTOR_NO_ROOT_PATH', 'DOCTOR_NO_ROOT_PATH']],
  [
    'no Root Path for iPXE',
    { ...healthy, offers: [offer(good), offer(undefined, { askedAs: 'ipxe' })] },
    ['DOCTOR_NO_ROOT_PATH'],
  ],
  ['an NFS path', { ...healthy, offers: both('/srv/root'), disks: [] }, ['DOCTOR_NO_ROOT_PATH', 'DOCTOR_NO_ROOT_PATH']],
  [
    'a Root Path in the ACK alone',
    {
      offers: [offer(undefined), offer(good, { askedAs: 'ipxe' })],
      dhcp6: undefined,
      routers: undefined,
      lease: {
        server: ip('192.0.2.1'),
        address: ip('192.0.2.50'),
        nameServers: [],
        rootPathInAck: good,
        rootPathInOffer: undefined,
      },
      disks: [disk(good)],
    },
    ['DOCTOR_ROOT_PATH_NOT_OFFERED'],
  ],
  [
    'a Root Path that is malformed',
    { ...healthy, offers: both(`iscsi:192.0.2.1:::${name}`), disks: [] },
    ['DOCTOR_ROOT_PATH_MALFORMED'],
  ],
  [
    'a Root Path over 255 bytes',
    { ...healthy, offers: both(`${long}${'y'.repeat(30)}`), disks: [] },
    ['DOCTOR_ROOT_PATH_MALFORMED', 'DOCTOR_ROOT_PATH_LONG'],
  ],
  [
    'a server behind a router',
    {
      ...healthy,
      offers: both(`iscsi:198.51.100.1::::${name}`).map((each) => ({
        ...each,
        routes: [{ destination: ip('0.0.0.0'), prefix: 0, router: ip('192.0.2.254') }],
      })),
    },
    ['DOCTOR_GATEWAY'],
  ],
  [
    'a server outside of the subnet that is on the cable all the same (RFC 3442)',
    {
      ...healthy,
      offers: both(`iscsi:198.51.100.1::::${name}`).map((each) => ({
        ...each,
        routes: [{ destination: ip('198.51.100.0'), prefix: 24, router: ip('0.0.0.0') }],
      })),
    },
    [],
  ],
  [
    'a server in another subnet, without a router',
    { ...healthy, offers: both(`iscsi:198.51.100.1::::${name}`) },
    ['DOCTOR_NO_GATEWAY'],
  ],
  [
    'nobody at the server’s port',
    {
      ...healthy,
      disks: [
        disk(good, {
          connection: failed('NETWORK_REFUSED'),
          login: { kind: 'not tried' },
          listed: { kind: 'not tried' },
          disk: { kind: 'not tried' },
        }),
      ],
    },
    ['DOCTOR_SERVER_UNREACHABLE'],
  ],
  [
    'a port that answers but is no target',
    {
      ...healthy,
      disks: [
        disk(good, {
          listed: failed('ISCSI_LOGIN_CLOSED'),
          login: failed('ISCSI_LOGIN_CLOSED'),
          disk: { kind: 'not tried' },
        }),
      ],
    },
    ['DOCTOR_NO_TARGET'],
  ],
  [
    'a port that takes connections and stays silent',
    { ...healthy, disks: [disk(good, { login: failed('BOOT_TARGET_SILENT'), disk: { kind: 'not tried' } })] },
    ['DOCTOR_NO_TARGET'],
  ],
  [
    'a target that lets nobody in',
    { ...healthy, disks: [disk(good, { login: failed('ISCSI_TARGET_NOT_FOUND'), disk: { kind: 'not tried' } })] },
    ['DOCTOR_LOGIN_REFUSED'],
  ],
  [
    'a target that hides its name',
    { ...healthy, disks: [disk(good, { listed: { kind: 'good', value: ['iqn.other'] } })] },
    ['DOCTOR_TARGET_HIDDEN'],
  ],
  [
    'a target without discovery',
    { ...healthy, disks: [disk(good, { listed: failed('ISCSI_LOGIN_SESSION_TYPE') })] },
    ['DOCTOR_TARGET_HIDDEN'],
  ],
  [
    'no disk at the LUN',
    { ...healthy, disks: [disk(good, { disk: failed('BOOT_LUN_NOT_FOUND') })] },
    ['DOCTOR_NO_DISK'],
  ],
  [
    'a disk without anything to start',
    { ...healthy, disks: [disk(good, { disk: { kind: 'good', value: { size: 512, bootableBy: [] } } })] },
    ['DOCTOR_NOT_BOOTABLE'],
  ],
  [
    'a LUN that reads as a decimal',
    { ...healthy, disks: [disk(`iscsi:192.0.2.1:::10:${name}`)] },
    ['DOCTOR_LUN_DECIMAL'],
  ],
  ['a LUN of one digit', { ...healthy, disks: [disk(`iscsi:192.0.2.1:::9:${name}`)] }, []],
  ['IPv6 as well', { ...healthy, dhcp6: answered(path6), disks: [disk(good), disk6] }, []],
  [
    'a Root Path over DHCPv6 that is malformed',
    { ...healthy, dhcp6: answered(`iscsi:2001:db8::1::::${name}`) },
    ['DOCTOR_ROOT_PATH_MALFORMED'],
  ],
  [
    'a Root Path over DHCPv6 over 255 bytes',
    { ...healthy, dhcp6: answered(`iscsi:${'a.'.repeat(100)}b::::iqn.2001-04.com.example:${'x'.repeat(100)}`) },
    ['DOCTOR_ROOT_PATH_LONG'],
  ],
  [
    'two DHCPv6 servers',
    { ...healthy, dhcp6: answered(undefined, [], ['0001', '0003']) },
    ['DOCTOR_SEVERAL_DHCP_SERVERS'],
  ],
  [
    'boot file parameters that are no address',
    { ...healthy, dhcp6: answered(path6, ['736f6c6f']) },
    ['DOCTOR_BOOT_FILE_PARAMETERS'],
  ],
  [
    'boot file parameters that are no list of them',
    { ...healthy, dhcp6: answered(path6, 'malformed') },
    ['DOCTOR_BOOT_FILE_PARAMETERS'],
  ],
  [
    'boot file parameters as UEFI wants them',
    { ...healthy, dhcp6: answered(path6, ['20010db8000000000000000000000001']) },
    [],
  ],
  ['boot file parameters of another system', { ...healthy, dhcp6: answered('http://x/y', ['736f6c6f']) }, []],
  ['a server on the link, as a router says', routed(path6, router({ onLink: [prefix('2001:db8::', 64)] })), []],
  ['a server on the link, as another router says', routed(path6, elsewhere, router({ onLink: [everywhere] })), []],
  ['a server at an address of the link', routed(`iscsi:[fe80::9]::::${name}`, elsewhere), []],
  ['a server behind a default router of IPv6', routed(path6, elsewhere), ['DOCTOR_GATEWAY']],
  [
    'a server behind a router of IPv6 that leads to it alone',
    routed(path6, router({ routes: [prefix('2001:db8::', 48)] })),
    ['DOCTOR_GATEWAY'],
  ],
  [
    'a server that no router of IPv6 leads to',
    routed(path6, router({ onLink: [prefix('2001:db8:1::', 64)], routes: [prefix('2001:db8:2::', 48)] })),
    ['DOCTOR_NO_GATEWAY'],
  ],
  ['no router of IPv6', routed(path6), ['DOCTOR_NO_GATEWAY']],
  ['a server that is named, behind a router of IPv6', routed(`iscsi:boot.example.com::::${name}`, elsewhere), []],
  ['a LUN with a leading zero', { ...healthy, disks: [disk(`iscsi:192.0.2.1:::01:${name}`)] }, ['DOCTOR_LUN_DECIMAL']],
];

for (const [what, seen, codes] of ill) {
  test(`${what}: ${codes.join(', ') || 'nothing is wrong'}`, () => {
    const findings = findingsOf(seen);
    assert.deepEqual(
      findings.map(({ code }) => code),
      codes,
    );
    for (const { what: told, why, todo } of findings) assert.ok(told.length > 0 && why.length > 0 && todo.length > 0);
  });
}

/** Where clients do not read a Root Path as RFC 4173 §5 means it; one of the user's may be for any of them. */
const misread: readonly (readonly [string, readonly string[]])[] = [
  [good, []],
  [`iscsi:::::${name}`, ['ipxe', 'ipxe-v6', 'uefi-v4', 'uefi-v6', 'dracut', 'dracut-v6', 'debian']],
  [path6, ['debian']],
  [`${path6}:iqn.2002-01.com.example`, ['dracut-v6', 'debian']],
  ['iscsi:192.0.2.1::::eui.02004567a425678d', ['uefi-v4']],
  [`iscsi:1st.example.com::::${name}`, ['uefi-v4']],
  [`ISCSI:192.0.2.1::::${name}`, ['uefi-v4']],
  [`iscsi:192.0.2.1:006:::${name}`, ['uefi-v4']],
  [`iscsi:192.0.2.1::::${name}:iqn.2002-01.com.example`, ['dracut']],
  [`iscsi:boot.example.com::::${name}`, []],
];

for (const [text, kinds] of misread) {
  test(`${text} is misread by ${kinds.join(', ') || 'nobody'}`, () => {
    const findings = findingsOf({ ...healthy, offers: undefined, disks: [disk(text, { askedAs: 'user' })] });
    assert.ok(findings.every(({ code, level }) => code === 'DOCTOR_CLIENT_MISREADS' && level === 'warning'));
    assert.deepEqual(
      findings.flatMap(({ clients = [] }) => clients),
      kinds,
    );
  });
}

test('each kind of client has an outlook of its own: a fault of one path is no fault of the other', () => {
  const other = `iscsi:192.0.2.1:::a:${name}`;
  const seen = {
    ...healthy,
    offers: [offer(other), offer(good, { askedAs: 'ipxe' })],
    disks: [disk(other), disk(good, { askedAs: 'ipxe' })],
  };
  const outcomes = outlooks(seen, findingsOf(seen)).map(({ client, outcome }) => [client, outcome]);
  assert.deepEqual(outcomes, [
    ['ipxe', 'boots'],
    ['ipxe-v6', 'not looked at'],
    ['uefi-v4', 'boots'],
    ['uefi-v6', 'not looked at'],
    ['dracut', 'fails'],
    ['dracut-v6', 'not looked at'],
    ['debian', 'fails'],
  ]);
  const none = outlooks({ offers: [], dhcp6: undefined, routers: undefined, lease: undefined, disks: [] }, []);
  assert.ok(none.every(({ outcome }) => outcome !== 'boots'));
});

test('over IPv6 each kind of client has an outlook too, whatever IPv4 is like', () => {
  const seen = (dhcp6: SeenDhcp6, ...disks: SeenDisk[]): Observation => ({
    offers: [],
    dhcp6,
    routers: undefined,
    lease: undefined,
    disks,
  });
  const outlookOf = (client: string, observation: Observation) => {
    const { outcome, reasons } =
      outlooks(observation, findingsOf(observation)).find((each) => each.client === client) ?? {};
    return [outcome, ...(reasons ?? [])];
  };
  const well = seen(answered(path6), disk6);
  for (const [client, outcome] of [
    ['uefi-v6', ['boots']],
    ['dracut-v6', ['boots']],
    ['uefi-v4', ['fails', 'DOCTOR_NO_DHCP_SERVER']],
    ['debian', ['fails', 'DOCTOR_NO_DHCP_SERVER']],
    [
      'ipxe-v6',
      ['fails', 'it has no Root Path over DHCPv6, and needs the URL of a script that names the disk (option 59)'],
    ],
  ] as const) {
    assert.deepEqual(outlookOf(client, well), outcome);
  }
  const url = 'http://[2001:db8::1]:8080/boot.ipxe';
  const script = { ...answered(path6), ipxe: answered(url).ipxe };
  assert.deepEqual(outlookOf('ipxe-v6', seen(script, disk6)), ['not looked at', `it starts from ${url}`]);
  const parameters = seen(answered(path6, ['736f6c6f']), disk6);
  assert.deepEqual(outlookOf('uefi-v6', parameters), ['fails', 'DOCTOR_BOOT_FILE_PARAMETERS']);
  assert.deepEqual(outlookOf('dracut-v6', parameters), ['boots']);
  const malformed = seen(answered(`iscsi:[2001:db8::1]:::${name}`));
  assert.deepEqual(outlookOf('uefi-v6', malformed), ['fails', 'DOCTOR_ROOT_PATH_MALFORMED']);
  const nothing = 'DHCPv6 names no disk (option 59)';
  assert.deepEqual(outlookOf('dracut-v6', seen(answered(undefined))), ['fails', nothing]);
  const silence = { kind: 'none', error: { code: 'DHCP6_NO_ANSWER', message: 'nobody' } } as const;
  const silent = seen({ plain: silence, ipxe: silence, servers: [] });
  for (const client of ['ipxe-v6', 'uefi-v6', 'dracut-v6']) {
    assert.deepEqual(outlookOf(client, silent), ['fails', 'DHCP6_NO_ANSWER']);
  }
  const decimal = `iscsi:[2001:db8::1]:::10:${name}`;
  assert.deepEqual(outlookOf('dracut-v6', seen(answered(decimal), disk(decimal, { askedAs: 'dhcp6' }))), [
    'fails',
    'DOCTOR_LUN_DECIMAL',
  ]);
});

test('a missing way over one family is no fault of the other', () => {
  const outcomes = (seen: Observation) => {
    const failing = outlooks(seen, findingsOf(seen)).filter(({ outcome }) => outcome === 'fails');
    return failing.map(({ client }) => client).filter((client) => client !== 'ipxe-v6');
  };
  assert.deepEqual(outcomes(routed(path6)), ['uefi-v6', 'dracut-v6']);
  const [other, well] = [`iscsi:198.51.100.1::::${name}`, routed(path6, router({ onLink: [everywhere] }))];
  const unrouted = { ...well, offers: both(other), disks: [disk(other), disk(other, { askedAs: 'ipxe' }), disk6] };
  assert.deepEqual(outcomes(unrouted), ['ipxe', 'uefi-v4', 'dracut', 'debian']);
});

test('the written fields are what stands between the colons', () => {
  assert.deepEqual(writtenFields(`iscsi:[2001:db8::1]:6:3261:4752-3A4F:${name}:x`), {
    prefix: 'iscsi:',
    server: '[2001:db8::1]',
    protocol: '6',
    port: '3261',
    lun: '4752-3A4F',
    targetName: `${name}:x`,
  });
});
