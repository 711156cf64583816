/** `diskless boot` where DHCP does not name the server: SLP finds it (RFC 4173 §6). dnsmasq gives addresses, `diskless serve` the rest. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeBootDisk } from '../support/boot-disk.ts';
import { startDnsmasq } from '../support/dnsmasq.ts';
import { heedRouters, serveIpv6Disk, startIpv6Dnsmasq } from '../support/ipv6-disk.ts';
import { NamespacePair } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { ServeProgram } from '../support/serve-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const agentProgram = join(import.meta.dirname, '..', 'support', 'slp-agent-program.ts');
const mac = '52:54:00:42:00:0c';
const targetName = 'iqn.2026-11.internal.diskless:52-54-00-42-00-0c';

test('DHCP names the target only, and SLP finds its server', async (t) => {
  if (!requires(t, 'dnsmasq', 'ip', 'sfdisk', root, networkNamespaces)) return;
  const directory = temporaryDirectory(t);
  const image = join(directory, 'image.img');
  makeBootDisk(image);
  using pair = new NamespacePair('boot-slp', mac);
  const settings = ['--interface', 'server0', '--data', join(directory, 'data'), '--dhcp', 'off', '--slp', 'on'];
  await using _server = await ServeProgram.start([image, ...settings], ['ip', 'netns', 'exec', pair.server]);
  await using _dnsmasq = await startDnsmasq(pair, [`--dhcp-option=17,iscsi:::::${targetName}`]);
  const { status, output } = await pair.run(process.execPath, [program, 'boot', '--interface', 'client0'], 60_000);
  assert.equal(status, 0, output);
  assert.match(output, /discovery +> the target .* is known and its server is not/);
  assert.match(output, /discovery += iqn\.2026-11\.internal\.diskless:52-54-00-42-00-0c/);
  assert.match(output, /boot +=.*bootable by BIOS and UEFI/);
});

test('DHCPv6 names the target only, and SLP finds its server over IPv6', async (t) => {
  if (!requires(t, 'dnsmasq', 'ip', 'sfdisk', root, networkNamespaces)) return;
  await using stack = new AsyncDisposableStack();
  // As the agent calls the first of its targets.
  const name = 'iqn.2001-04.com.example:six-0';
  const pair = await serveIpv6Disk(t, stack, { name: 'boot-slp6', mac, targetName: name });
  heedRouters(pair);
  const agent = stack.use(
    pair.program('server', agentProgram, { interface: 'server0', address: '2001:db8::1', name: 'six', count: 1 }),
  );
  await agent.message(({ event }) => event === 'ready');
  const answers = ['--port=0', '--enable-ra', '--dhcp-range=2001:db8::100,2001:db8::1ff,64,1h'];
  await startIpv6Dnsmasq(pair, stack, /DHCP, sockets bound/, ...answers, `--dhcp-option=option6:59,iscsi:::::${name}`);
  const command = [program, 'boot', '--interface', 'client0', '--dhcp', 'v6'];
  const { status, output } = await pair.run(process.execPath, command, 60_000);
  assert.equal(status, 0, output);
  assert.match(output, /discovery +> the target .* is known and its server is not/);
  assert.match(output, /discovery .*iqn\.2001-04\.com\.example:six-0 at \[2001:db8::1\]:3260/);
  assert.match(output, /boot +=.*bootable by BIOS and UEFI/);
});
