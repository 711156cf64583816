/** `diskless boot` over IPv6 where the disk's server is named by its name: dnsmasq is DHCPv6 server, router and name server. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { heedRouters, serveIpv6Disk, startIpv6Dnsmasq, targetName } from '../support/ipv6-disk.ts';
import type { Ipv6Pair } from '../support/ipv6-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const bootFileUrl = `--dhcp-option=option6:59,iscsi:boot.example.com::::${targetName}`;
const addresses = '--dhcp-range=2001:db8::100,2001:db8::1ff,64,1h';
const nameServer = '--dhcp-option=option6:dns-server,[2001:db8::1]';
// At the IPv4 address is nobody.
const names = [
  '--port=53',
  '--no-resolv',
  '--address=/boot.example.com/2001:db8::1',
  '--address=/boot.example.com/192.0.2.9',
];
const peers = ['dnsmasq', 'ip', 'sfdisk', root, networkNamespaces] as const;

async function start(t: TestContext, stack: AsyncDisposableStack, name: string): Promise<Ipv6Pair> {
  const pair = await serveIpv6Disk(t, stack, { name, mac: '52:54:00:42:00:0d' });
  heedRouters(pair);
  return pair;
}

async function boot(
  pair: Ipv6Pair,
  ...flags: string[]
): Promise<{ readonly status: number | null; readonly output: string }> {
  return pair.run(process.execPath, [program, 'boot', '--interface', 'client0', '--dhcp', 'v6', ...flags], 60_000);
}

test('DHCPv6 names the name server (RFC 3646), and the server is reached at its IPv6 address first', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = await start(t, stack, 'boot6-dns');
  await startIpv6Dnsmasq(pair, stack, /DHCPv6, IP range/, '--enable-ra', addresses, bootFileUrl, nameServer, ...names);
  const { status, output } = await boot(pair);
  assert.equal(status, 0, output);
  assert.match(output, new RegExp(`dhcp +=.*iscsi:boot\\.example\\.com::::${targetName}`));
  assert.match(output, /boot +=.*bootable by BIOS and UEFI/);
  assert.doesNotMatch(output, /192\.0\.2\.9/);
  const unknown = await boot(pair, '--server-name', 'nowhere.example.com');
  assert.match(unknown.output, /nowhere\.example\.com: 2001:db8::1 said .*NETWORK_NAME_UNKNOWN/);
});

test('a router names the name server (RFC 8106), where DHCPv6 names none', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = await start(t, stack, 'boot6-rdnss');
  await startIpv6Dnsmasq(pair, stack, /DHCP, sockets bound/, '--port=0', addresses, bootFileUrl);
  const router = ['--enable-ra', '--dhcp-range=2001:db8::,ra-only', nameServer, ...names];
  await startIpv6Dnsmasq(pair, stack, /router advertisement on 2001:db8::/, ...router);
  const { status, output } = await boot(pair);
  assert.equal(status, 0, output);
  assert.match(output, /a router names the name server 2001:db8::1/);
  assert.match(output, /boot +=.*bootable by BIOS and UEFI/);
});

for (const whose of ['a router', 'DHCPv6'] as const) {
  test(`a name server at a link-local address, which ${whose} names, is asked at the link of the interface`, async (t) => {
    if (!requires(t, ...peers)) return;
    await using stack = new AsyncDisposableStack();
    const isRouter = whose === 'a router';
    const pair = await start(t, stack, `boot6-dns-link-${isRouter ? 'ra' : 'dhcp'}`);
    // For dnsmasq its own address of the link.
    const onLink = '--dhcp-option=option6:dns-server,[fe80::]';
    const dhcp = isRouter ? ['--port=0', addresses, bootFileUrl] : [addresses, bootFileUrl, onLink, ...names];
    await startIpv6Dnsmasq(pair, stack, /DHCP, sockets bound/, ...dhcp);
    const router = [
      '--enable-ra',
      '--dhcp-range=2001:db8::,ra-only',
      ...(isRouter ? [onLink, ...names] : ['--port=0']),
    ];
    await startIpv6Dnsmasq(pair, stack, /router advertisement on 2001:db8::/, ...router);
    const { status, output } = await boot(pair);
    assert.equal(status, 0, output);
    if (isRouter) assert.match(output, /a router names the name server fe80::/);
    assert.match(output, /boot +=.*bootable by BIOS and UEFI/);
  });
}

test('without a way to the name server the boot says so as for any other host', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = await start(t, stack, 'boot6-dns-none');
  await startIpv6Dnsmasq(pair, stack, /DHCP, sockets bound/, addresses, bootFileUrl, nameServer, ...names);
  const { status, output } = await boot(pair, '--timeout', '10');
  assert.equal(status, 8, output);
  assert.match(output, /no route to 2001:db8::1 within .*BOOT_IPV6_NO_ROUTE/);
});
