/** `diskless doctor` on a network of IPv6 alone, with dnsmasq at the other end. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeBootDisk } from '../support/boot-disk.ts';
import {
  heedRouters,
  type Ipv6DiskOptions,
  serveIpv6Disk,
  startIpv6Dnsmasq,
  targetName,
} from '../support/ipv6-disk.ts';
import { Ipv6Pair } from '../support/ipv6-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { ServeProgram } from '../support/serve-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const rootPath = `iscsi:[2001:db8::1]::::${targetName}`;
const peers = ['dnsmasq', 'ip', 'sfdisk', root, networkNamespaces] as const;

interface Document {
  readonly ok: boolean;
  readonly findings: readonly { readonly code: string; readonly what: string; readonly clients?: readonly string[] }[];
  readonly clients: readonly {
    readonly client: string;
    readonly outcome: string;
    readonly reasons: readonly string[];
  }[];
}

async function start(
  t: TestContext,
  stack: AsyncDisposableStack,
  name: string,
  more: Pick<Ipv6DiskOptions, 'address'> = {},
): Promise<Ipv6Pair> {
  const pair = await serveIpv6Disk(t, stack, { name, mac: '52:54:00:42:00:0e', ...more });
  heedRouters(pair);
  return pair;
}

function dnsmasq(pair: Ipv6Pair, stack: AsyncDisposableStack, ...settings: readonly string[]): Promise<void> {
  const addresses = ['--port=0', '--dhcp-range=2001:db8::100,2001:db8::1ff,64,1h'];
  return startIpv6Dnsmasq(pair, stack, /DHCP, sockets bound/, ...addresses, ...settings);
}

async function examine(
  pair: Ipv6Pair,
  ...flags: string[]
): Promise<{ readonly said: string; readonly document: Document }> {
  const command = [program, 'doctor', '--interface', 'client0', '--json', ...flags];
  const { output } = await pair.run(process.execPath, command, 60_000);
  const start = output.indexOf('{\n');
  assert.ok(start >= 0, output);
  return { said: output.slice(0, start), document: JSON.parse(output.slice(start, output.lastIndexOf('\n}') + 2)) };
}

const outcomes = ({ clients }: Document) => Object.fromEntries(clients.map(({ client, outcome }) => [client, outcome]));

test('a machine without an address takes one, waits for the way to the disk, and leaves nothing behind', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = await start(t, stack, 'doctor6-well');
  await dnsmasq(pair, stack, '--enable-ra', `--dhcp-option=option6:59,${rootPath}`);
  const { said: steps, document } = await examine(pair);
  assert.match(steps, /client0 has 2001:db8::1[0-9a-f]{2}\/128 for this boot/);
  assert.deepEqual(outcomes(document), {
    ipxe: 'fails',
    'ipxe-v6': 'fails',
    'uefi-v4': 'fails',
    'uefi-v6': 'boots',
    dracut: 'fails',
    'dracut-v6': 'boots',
    debian: 'fails',
  });
  const codes = document.findings.map(({ code }) => code).sort();
  assert.deepEqual(codes, ['DOCTOR_NO_DHCP_SERVER']);
  assert.doesNotMatch(pair.addresses('client'), /2001:db8::1[0-9a-f]{2}\/128/, 'the address is taken away again');
});

test('without a router the reason is the one that a boot would give', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = await start(t, stack, 'doctor6-none');
  await dnsmasq(pair, stack, `--dhcp-option=option6:59,${rootPath}`);
  const { said: steps, document } = await examine(pair);
  assert.match(steps, /no route to 2001:db8::1 yet: waiting for a router to advertise one/);
  const found = document.findings.find(({ code }) => code === 'DOCTOR_SERVER_UNREACHABLE');
  assert.match(found?.what ?? '', /no route to 2001:db8::1 within .*BOOT_IPV6_NO_ROUTE/);
  assert.equal(outcomes(document)['uefi-v6'], 'fails');
});

for (const [what, parameters, codes, outcome] of [
  ['a disk behind a default router', '--ra-param=server0,10,1800', ['DOCTOR_GATEWAY'], 'boots'],
  [
    'a disk behind a router that leads nowhere',
    '--ra-param=server0,10,0',
    ['DOCTOR_NO_GATEWAY', 'DOCTOR_SERVER_UNREACHABLE'],
    'fails',
  ],
] as const) {
  test(`${what} is found by what is advertised`, async (t) => {
    if (!requires(t, ...peers)) return;
    await using stack = new AsyncDisposableStack();
    const address = '2001:db8:1::1';
    const pair = await start(t, stack, `doctor6-${outcome}`, { address });
    const named = `--dhcp-option=option6:59,iscsi:[${address}]::::${targetName}`;
    await dnsmasq(pair, stack, '--enable-ra', parameters, named);
    const { document } = await examine(pair);
    const found = document.findings.map(({ code }) => code).filter((code) => code !== 'DOCTOR_NO_DHCP_SERVER');
    assert.deepEqual(found, codes, JSON.stringify(document, undefined, 1));
    assert.equal(outcomes(document)['uefi-v6'], outcome);
  });
}

for (const [whose, nameServer] of [
  ['DHCPv6', '[2001:db8::1]'],
  ['a router', '[fe80::]'],
] as const) {
  test(`a server that is named is found by the name server that ${whose} names`, async (t) => {
    if (!requires(t, ...peers)) return;
    await using stack = new AsyncDisposableStack();
    const pair = await start(t, stack, `doctor6-${whose === 'DHCPv6' ? 'dns' : 'rdnss'}`);
    const name = 'boot.doctor.example.com';
    const names = ['--port=53', '--no-resolv', `--address=/${name}/2001:db8::1`, `--address=/${name}/192.0.2.9`];
    const nameServers = [`--dhcp-option=option6:dns-server,${nameServer}`, ...names];
    const addresses = '--dhcp-range=2001:db8::100,2001:db8::1ff,64,1h';
    const disk = `--dhcp-option=option6:59,iscsi:${name}::::${targetName}`;
    if (whose === 'DHCPv6') {
      await startIpv6Dnsmasq(pair, stack, /DHCP, sockets bound/, '--enable-ra', addresses, disk, ...nameServers);
    } else {
      await startIpv6Dnsmasq(pair, stack, /DHCP, sockets bound/, '--port=0', addresses, disk);
      const router = ['--enable-ra', '--dhcp-range=2001:db8::,ra-only', ...nameServers];
      await startIpv6Dnsmasq(pair, stack, /router advertisement on 2001:db8::/, ...router);
    }
    const { document } = await examine(pair);
    const codes = document.findings.map(({ code }) => code);
    assert.deepEqual(codes, ['DOCTOR_NO_DHCP_SERVER'], JSON.stringify(document, undefined, 1));
    assert.equal(outcomes(document)['uefi-v6'], 'boots');
  });
}

test('what DHCPv6 says amiss is found: a Root Path that is none, one of over 255 bytes, parameters that UEFI refuses', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = await start(t, stack, 'doctor6-ill');
  const long = `iscsi:${'a'.repeat(60)}.example.com::::iqn.2024-01.com.example:${'x'.repeat(190)}`;
  // A Root Path is UTF-8 (RFC 4173 §5).
  const latin1 = join(temporaryDirectory(t), 'options');
  writeFileSync(latin1, `option6:59,iscsi:[2001:db8::1]::::iqn.2024-01.com.example:\xe9`, 'latin1');
  for (const [settings, found] of [
    [[`--dhcp-option=option6:59,iscsi:2001:db8::1::::${targetName}`], 'DOCTOR_ROOT_PATH_MALFORMED'],
    [[`--dhcp-option=option6:59,${long}`], 'DOCTOR_ROOT_PATH_LONG'],
    [
      [`--dhcp-option=option6:59,${rootPath}`, '--dhcp-option=option6:60,00:04:73:6f:6c:6f'],
      'DOCTOR_BOOT_FILE_PARAMETERS',
    ],
    [
      [`--dhcp-option=option6:59,${rootPath}`, '--dhcp-option=option6:60,00:09:73:6f:6c:6f'],
      'DOCTOR_BOOT_FILE_PARAMETERS',
    ],
    [[`--dhcp-optsfile=${latin1}`], 'DOCTOR_ROOT_PATH_MALFORMED'],
  ] as const) {
    await using servers = new AsyncDisposableStack();
    await dnsmasq(pair, servers, '--enable-ra', ...settings);
    const { document } = await examine(pair);
    const finding = document.findings.find(({ code }) => code === found);
    assert.deepEqual(finding?.clients?.includes('uefi-v6'), true, JSON.stringify(document.findings, undefined, 1));
    assert.equal(outcomes(document)['uefi-v6'], 'fails');
  }
});

test('a Root Path of DHCPv6 that is none keeps the user’s own from nothing', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = await start(t, stack, 'doctor6-own');
  await dnsmasq(pair, stack, '--enable-ra', `--dhcp-option=option6:59,iscsi:2001:db8::1::::${targetName}`);
  const { said: steps, document } = await examine(pair, '--root-path', rootPath);
  assert.match(steps, /client0 has 2001:db8::1[0-9a-f]{2}\/128 for this boot/);
  const codes = document.findings.map(({ code }) => code).sort();
  assert.deepEqual(codes, ['DOCTOR_CLIENT_MISREADS', 'DOCTOR_NO_DHCP_SERVER', 'DOCTOR_ROOT_PATH_MALFORMED']);
});

test('iPXE is to start from the script that our server names to it alone', async (t) => {
  if (!requires(t, 'ip', 'sfdisk', root, networkNamespaces)) return;
  const directory = temporaryDirectory(t);
  const image = join(directory, 'image.img');
  makeBootDisk(image);
  using pair = new Ipv6Pair('doctor6-serve', '52:54:00:42:00:0e');
  pair.command('client', 'sysctl', '-qw', 'net.ipv6.conf.client0.accept_ra=1', 'net.ipv6.conf.client0.forwarding=0');
  const places = ['--interface', 'server0', '--data', join(directory, 'data'), '--loader-dir', 'off'];
  const flags = [...places, '--dhcp', 'off', '--dhcp6', 'on'];
  await using _server = await ServeProgram.start([image, ...flags], ['ip', 'netns', 'exec', pair.server]);
  const { document } = await examine(pair);
  const reasonsOf = (wanted: string) => document.clients.find(({ client }) => client === wanted)?.reasons;
  assert.match(
    String(reasonsOf('ipxe-v6')),
    /^it starts from http:\/\/\[2001:db8::1\]:8080\/boot\.ipxe\?mac=52:54:00:42:00:0e$/,
  );
  assert.deepEqual(reasonsOf('uefi-v6'), []);
});
