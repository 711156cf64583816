/** `diskless serve --dhcp6 on`: what machines are told over IPv6, and that they reach it. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { writeBootableImage } from '../support/bootable-image.ts';
import { end, RunningProgram, said } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { ServeProgram } from '../support/serve-program.ts';
import { makeServedNetwork, run, type ServedNetwork } from '../support/served-network.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const serverAddress = 'fd00:78::1';
const rootPath = `iscsi:[${serverAddress}]::::iqn.2026-11.internal.diskless:52-54-00-ab-cd-01`;
const lent = /^fd00:78::1:[0-9a-f]{1,4}$/;

/** A served network where the server has an IPv6 address too. */
async function ipv6Network(name: string): Promise<ServedNetwork> {
  const network = makeServedNetwork(name);
  const { onServer, serverInterface } = network;
  await ok([...onServer, 'ip', 'address', 'add', `${serverAddress}/64`, 'dev', serverInterface, 'nodad']);
  return network;
}

async function ok(command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(command);
  assert.equal(code, 0, `${command.join(' ')}: ${stderr}`);
  return stdout.toString();
}

function golden(t: TestContext): { readonly directory: string; readonly image: string; readonly content: Buffer } {
  const directory = temporaryDirectory(t);
  const image = join(directory, 'golden.img');
  const content = randomBytes(1 << 20);
  writeBootableImage(image, content);
  return { directory, image, content };
}

function serve({ onServer, serverInterface }: ServedNetwork, directory: string, image: string): Promise<ServeProgram> {
  const places = ['--interface', serverInterface, '--data', join(directory, 'data'), '--loader-dir', 'off'];
  return ServeProgram.start([image, ...places, '--dhcp', 'off', '--dhcp6', 'on'], onServer);
}

/** Until the client has a route to the server's network; at most as long as it asks routers, which is three times within 12 s. */
async function routed({ onClient, clientInterface: link }: ServedNetwork): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await ok([...onClient, 'ip', '-6', 'route', 'show', 'dev', link])).includes('fd00:78::/64 ')) {
    if (performance.now() > deadline) throw new Error('no router advertisement of the server has come');
    await setTimeout(50);
  }
}

test('a machine gets its address and its disk over IPv6 alone, and the same after a restart of the server', async (t) => {
  if (!requires(t, 'ip', 'curl', root, networkNamespaces)) return;
  await using network = await ipv6Network('serve6');
  const { directory, image, content } = golden(t);
  const { onClient, clientInterface: link, clientMac } = network;
  const path = join(import.meta.dirname, '../support/dhcp6-boot-program.ts');
  const namespace = onClient.at(-1) ?? '';
  const given: unknown[] = [];
  for (let start = 0; start < 2; start++) {
    await using server = await serve(network, directory, image);
    const { ipv6 } = server.find('ready')?.interfaces[0] ?? {};
    assert.deepEqual(ipv6, { address: serverAddress, prefix: 'fd00:78::/64', pool: 'fd00:78::1:0-fd00:78::1:ffff' });
    await using client = new RunningProgram(namespace, path, { interface: link, mode: 'stateful' });
    const configured = await client.message(({ type }) => type === 'configured');
    assert.equal(configured.rootPath, rootPath);
    given.push(configured.addresses);

    // Nothing but the server's advertisement says that its address is on the link, and it may come after the lease.
    await routed(network);
    const out = join(directory, `read-${start}`);
    const disk = [rootPath, '--length', '64K', '--out', out];
    await ok([...onClient, process.execPath, launcher, 'iscsi', 'read', ...disk]);
    assert.deepEqual(readFileSync(out), content.subarray(0, 64 << 10));
    const script = await ok([...onClient, 'curl', '-sf', `http://[${serverAddress}]:8080/boot.ipxe?mac=${clientMac}`]);
    assert.ok(script.includes(`sanboot ${rootPath}\n`), script);
  }
  const [first, second] = given;
  assert.match(String(first), lent);
  assert.deepEqual(second, first);
});

test('a system that minds router advertisements asks by DHCPv6 because of ours, and knows the link (RFC 4861 §4.2)', async (t) => {
  if (!requires(t, 'ip', 'dhcpcd', root, networkNamespaces)) return;
  await using network = await ipv6Network('serve6ra');
  const { directory, image } = golden(t);
  await using server = await serve(network, directory, image);
  const { onClient, clientInterface: link } = network;
  const conf = join(directory, 'dhcpcd.conf');
  writeFileSync(conf, 'duid\nslaac hwaddr\n');
  const flags = `--oneshot --ipv6only --nobackground --waitip=6 --timeout 25 --config ${conf} --script /bin/true`;
  const command = `mount -t tmpfs none /var/lib/dhcpcd && dhcpcd ${flags} ${link}`;
  await run([...onClient, 'sh', '-c', command]);
  const lease = await server.said('lease', ({ change }) => change === 'bound');
  assert.match(lease.address, lent);
  // The kernel has heard it too: the prefix is on the link, and no address was made of it.
  const routes = await ok([...onClient, 'ip', '-6', 'route', 'show', 'dev', link]);
  assert.match(routes, /^fd00:78::\/64 /m);
  const addresses = await ok([...onClient, 'ip', '-6', '-brief', 'address', 'show', 'dev', link]);
  assert.doesNotMatch(addresses, /fd00:78::5054/);
});

test('a host that comes up asks for routers and is answered at once (RFC 4861 §6.2.6)', async (t) => {
  if (!requires(t, 'ip', root, networkNamespaces)) return;
  await using network = await ipv6Network('serve6rs');
  const { directory, image } = golden(t);
  await using _ = await serve(network, directory, image);
  const { onClient, clientInterface: link } = network;
  // Unasked, three advertisements come within the first minute, and then none for minutes.
  for (let round = 0; round < 4; round++) {
    await ok([...onClient, 'ip', 'link', 'set', link, 'down']);
    const [program = '', ...args] = [...onClient, 'ip', '-6', 'monitor', 'route'];
    const monitor = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    try {
      const told = said(monitor, /^fd00:78::\/64 dev /m);
      await ok([...onClient, 'ip', 'link', 'set', link, 'up']);
      await told;
    } finally {
      await end(monitor);
    }
  }
});

test('without an IPv6 address nothing is started', async (t) => {
  if (!requires(t, 'ip', root, networkNamespaces)) return;
  await using network = makeServedNetwork('serve6no');
  const { directory, image } = golden(t);
  const { onServer, serverInterface } = network;
  const args = [
    'serve',
    image,
    '--interface',
    serverInterface,
    '--data',
    join(directory, 'data'),
    '--loader-dir',
    'off',
  ];
  const ran = await run([...onServer, process.execPath, launcher, ...args, '--dhcp6', 'on']);
  assert.equal(ran.code, 3, ran.stderr);
  assert.match(ran.stderr, /has no IPv6 address to serve machines from \([^()]*\) \(INTERFACE_NO_IPV6_ADDRESS\)/);
});
