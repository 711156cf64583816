/** `diskless boot` over IPv6 alone: DHCPv6 names the disk (RFC 5970 §5), and the disk is reached over IPv6. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeBootDisk } from '../support/boot-disk.ts';
import { Dhcp6ServerProcess, rootPath } from '../support/dhcp6-servers.ts';
import { Ipv6Pair } from '../support/ipv6-pair.ts';
import { end, said } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const targetName = 'iqn.2024-01.com.example:disk';
const peers = ['dnsmasq', 'ip', 'sfdisk', root, networkNamespaces] as const;

async function serve(t: TestContext, stack: AsyncDisposableStack, name: string): Promise<Ipv6Pair> {
  const pair = stack.use(new Ipv6Pair(name, '52:54:00:42:00:0b'));
  const disk = join(temporaryDirectory(t), 'disk.img');
  makeBootDisk(disk);
  const args = ['target', disk, '--name', targetName, '--listen', '[2001:db8::1]:3260'];
  const target = pair.spawn('server', process.execPath, [program, ...args]);
  stack.defer(() => end(target));
  await said(target, /3260/);
  stack.use(await Dhcp6ServerProcess.start(t, pair, 'dnsmasq'));
  return pair;
}

function boot(pair: Ipv6Pair, ...args: string[]) {
  return pair.run(process.execPath, [program, 'boot', '--interface', 'client0', ...args], 60_000);
}

test('an interface with a link-local address alone: DHCPv6 gives address and disk', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = await serve(t, stack, 'boot6-full');
  // What a router would advertise.
  pair.command('client', 'ip', '-6', 'route', 'add', '2001:db8::/64', 'dev', 'client0');
  const { status, output } = await boot(pair, '--dhcp', 'v6');
  assert.equal(status, 0, output);
  assert.ok(output.includes(rootPath), output);
  assert.match(output, /client0 has 2001:db8::1[0-9a-f]{2}\/128 for this boot/);
  assert.match(output, /boot +=.*bootable by BIOS and UEFI/);
  assert.doesNotMatch(pair.addresses('client'), /2001:db8::/, 'the address is taken away again');
});

test('with an address by autoconfiguration DHCPv6 is asked for the disk alone, and with a Root Path nobody is asked (RFC 4173 §5)', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = await serve(t, stack, 'boot6-auto');
  pair.command('client', 'ip', 'address', 'add', '2001:db8::7/64', 'dev', 'client0', 'nodad');
  const informed = await boot(pair, '--dhcp', 'v6-stateless');
  assert.equal(informed.status, 0, informed.output);
  assert.match(informed.output, /dhcp +=.*no address from/);
  const direct = await boot(pair, '--root-path', rootPath);
  assert.equal(direct.status, 0, direct.output);
  assert.match(direct.output, /dhcp +- skipped: server and target are given/);
  assert.match(pair.addresses('client'), /2001:db8::7/, 'an address of its own stays');
});
