/** `diskless boot` over IPv6 alone: DHCPv6 names the disk (RFC 5970 §5), and the disk is reached over IPv6. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeBootDisk } from '../support/boot-disk.ts';
import { Dhcp6ServerProcess, rootPath } from '../support/dhcp6-servers.ts';
import { heedRouters, serveIpv6Disk, startIpv6Dnsmasq, targetName } from '../support/ipv6-disk.ts';
import { Ipv6Pair } from '../support/ipv6-pair.ts';
import { end, said } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const peers = ['dnsmasq', 'ip', 'sfdisk', root, networkNamespaces] as const;

async function serve(t: TestContext, stack: AsyncDisposableStack, name: string): Promise<Ipv6Pair> {
  const pair = await serveIpv6Disk(t, stack, { name, mac: '52:54:00:42:00:0b' });
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

/** A router that says what is on the link, beside whoever gives addresses; it must come after the DHCPv6 server. */
async function startRouter(pair: Ipv6Pair, stack: AsyncDisposableStack): Promise<void> {
  const advertised = ['--port=0', '--enable-ra', '--dhcp-range=2001:db8::,ra-only'];
  await startIpv6Dnsmasq(pair, stack, /router advertisement on 2001:db8::/, ...advertised);
}

for (const [mode, given] of [
  ['v6', /dhcp +=.*2001:db8::1[0-9a-f]{2} from/],
  ['v6-stateless', /dhcp +=.*no address from/],
] as const) {
  test(`a router that advertises the link later than DHCPv6 answers is asked and waited for (${mode})`, async (t) => {
    if (!requires(t, ...peers)) return;
    await using stack = new AsyncDisposableStack();
    const pair = await serve(t, stack, `boot6-late-${mode}`);
    const { status, output } = await bootBeforeRouter(pair, stack, '--dhcp', mode);
    assert.equal(status, 0, output);
    assert.match(output, /no route to 2001:db8::1 yet/);
    assert.match(output, /there is a route to 2001:db8::1\n/);
    assert.match(output, given);
    assert.match(output, /boot +=.*bootable by BIOS and UEFI/);
  });
}

test('an address by autoconfiguration is waited for where nobody is asked for one (RFC 4862 §5.5)', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = await serveIpv6Disk(t, stack, { name: 'boot6-late-off', mac: '52:54:00:42:00:0b' });
  const { status, output } = await bootBeforeRouter(pair, stack, '--dhcp', 'off', '--root-path', rootPath);
  assert.equal(status, 0, output);
  assert.match(output, /dhcp +- skipped: it is switched off/);
  assert.match(output, /boot +there is a route to 2001:db8::1\n/);
  assert.match(output, /boot +=.*bootable by BIOS and UEFI/);
});

/** A boot on a link whose router comes when it has been asked for. */
async function bootBeforeRouter(pair: Ipv6Pair, stack: AsyncDisposableStack, ...flags: readonly string[]) {
  heedRouters(pair);
  const args = [program, 'boot', '--interface', 'client0', '--timeout', '60', ...flags];
  const client = pair.spawn('client', process.execPath, args);
  stack.defer(() => end(client));
  let output = '';
  for (const stream of [client.stdout, client.stderr]) {
    stream?.on('data', (chunk) => {
      output += chunk;
    });
  }
  const ended = once(client, 'close');
  await said(client, /ROUTER SOLICITATION on client0/);
  await startRouter(pair, stack);
  const [status] = await ended;
  return { status, output };
}

test('without a router the boot ends in time and says what is missing', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = await serve(t, stack, 'boot6-none');
  const { status, output } = await boot(pair, '--dhcp', 'v6', '--timeout', '10');
  assert.equal(status, 8, output);
  assert.match(output, /BOOT_IPV6_NO_ROUTE/);
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

test('an option 59 that cannot be read is no harm to whoever names the disk, and an error to everybody else', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = await serveIpv6Disk(t, stack, { name: 'boot6-unread', mac: '52:54:00:42:00:0b' });
  heedRouters(pair);
  const answers = ['--port=0', '--dhcp-range=2001:db8::100,2001:db8::1ff,64,1h', '--enable-ra'];
  const broken = `--dhcp-option=option6:59,iscsi:2001:db8::1::::${targetName}`;
  await startIpv6Dnsmasq(pair, stack, /DHCP, sockets bound/, ...answers, broken);
  const named = await boot(pair, '--dhcp', 'v6', '--root-path', rootPath);
  assert.equal(named.status, 0, named.output);
  assert.match(
    named.output,
    /option 59 \(boot file URL\) of the Reply of [0-9a-f]+ is passed over, .*ROOT_PATH_SERVER/,
  );
  assert.match(named.output, /boot +=.*bootable by BIOS and UEFI/);
  const unnamed = await boot(pair, '--dhcp', 'v6');
  assert.notEqual(unnamed.status, 0, unnamed.output);
  assert.match(unnamed.output, /ROOT_PATH_SERVER/);
});

test('a server at a link-local address is on the link of the interface that was named, whichever others there are', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = stack.use(new Ipv6Pair('boot6-link', '52:54:00:42:00:0b'));
  // The first interface that has a link-local address too.
  pair.command('client', 'ip', 'address', 'add', 'fe80::99/64', 'dev', 'lo', 'nodad');
  const [, address] = /(fe80::[0-9a-f:]+)\//.exec(pair.addresses('server')) ?? [];
  const disk = join(temporaryDirectory(t), 'disk.img');
  makeBootDisk(disk);
  const args = ['target', disk, '--name', targetName, '--listen', '[::]:3260'];
  const target = pair.spawn('server', process.execPath, [program, ...args]);
  stack.defer(() => end(target));
  await said(target, /3260/);
  const linkLocal = `iscsi:[${address}]::::${targetName}`;
  const given = await boot(pair, '--root-path', linkLocal, '--timeout', '20');
  assert.equal(given.status, 0, given.output);
  assert.match(given.output, /dhcp +- skipped: server and target are given/);
  assert.match(given.output, new RegExp(`logged in at ${address}%client0 port 3260`));
  const settings = ['--conf-file=/dev/null', '--no-daemon', '--user=root', '--port=0', '--no-hosts', '--leasefile-ro'];
  const answers = ['--dhcp-range=2001:db8::100,2001:db8::1ff,64,1h', `--dhcp-option=option6:59,${linkLocal}`];
  const dhcp6 = pair.spawn('server', 'dnsmasq', [...settings, '--interface=server0', '--bind-dynamic', ...answers]);
  stack.defer(() => end(dhcp6));
  await said(dhcp6, /DHCP, sockets bound/);
  const named = await boot(pair, '--dhcp', 'v6', '--timeout', '20');
  assert.equal(named.status, 0, named.output);
  assert.match(named.output, new RegExp(`logged in at ${address}%client0 port 3260`));
});
