/** `diskless serve` with IPv6 addresses in its flags: HTTP where it was told, and services of others that are of IPv6 alone. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeBootDisk } from '../support/boot-disk.ts';
import { Isnsadm, startIsnsd } from '../support/isnsd.ts';
import { RunningProgram } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { ServeProgram } from '../support/serve-program.ts';
import { makeServedNetwork, run, type ServedNetwork } from '../support/served-network.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const launcher = join(import.meta.dirname, '../../bin/diskless.js');
const receiver = join(import.meta.dirname, '../support/udp6-program.ts');
const targetName = 'iqn.2026-11.internal.diskless:52-54-00-ab-cd-01';

async function ok(command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(command);
  assert.equal(code, 0, `${command.join(' ')}: ${stderr}`);
  return stdout.toString();
}

async function ipv6Network(name: string): Promise<ServedNetwork> {
  const network = makeServedNetwork(name);
  const { onServer, onClient, serverInterface, clientInterface } = network;
  const add = (place: readonly string[], address: string, link: string) =>
    ok([...place, 'ip', 'address', 'add', address, 'dev', link, 'nodad']);
  await add(onServer, 'fd00:78::1/64', serverInterface);
  // An address beside the one that the network is served at.
  await add(onServer, 'fd00:78::8/128', serverInterface);
  await add(onClient, 'fd00:78::2/64', clientInterface);
  await add(onClient, '192.168.78.2/24', clientInterface);
  return network;
}

function start(t: TestContext, { onServer, serverInterface }: ServedNetwork, ...more: string[]): Promise<ServeProgram> {
  const directory = temporaryDirectory(t);
  const image = join(directory, 'golden.img');
  makeBootDisk(image);
  const flags = ['--interface', serverInterface, '--data', join(directory, 'data'), '--loader-dir', 'off'];
  return ServeProgram.start([image, ...flags, '--dhcp', 'off', '--dhcp6', 'on', ...more], onServer);
}

for (const [given, told] of [
  ['[fd00:78::8]:8081', 'fd00:78::8'],
  ['[::]:8081', 'fd00:78::1'],
] as const) {
  test(`HTTP is served at ${given} in place of the IPv6 address of the interface, and at its IPv4 address as before`, async (t) => {
    if (!requires(t, 'ip', 'curl', 'sfdisk', root, networkNamespaces)) return;
    await using network = await ipv6Network('places6');
    await using server = await start(t, network, '--http', given);
    assert.equal(server.find('ready')?.interfaces[0]?.http, 'http://192.168.78.1:8081/');
    const script = (host: string) =>
      run([...network.onClient, 'curl', '-sf', `http://${host}:8081/boot.ipxe?mac=${network.clientMac}`]);
    const overIpv6 = await script(`[${told}]`);
    assert.equal(overIpv6.code, 0, overIpv6.stderr);
    assert.match(overIpv6.stdout.toString(), new RegExp(`sanboot iscsi:\\[fd00:78::1\\]::::${targetName}`));
    const overIpv4 = await script('192.168.78.1');
    assert.match(overIpv4.stdout.toString(), new RegExp(`sanboot iscsi:192\\.168\\.78\\.1::::${targetName}`));
    const refused = 7;
    if (told === 'fd00:78::8') assert.equal((await script('[fd00:78::1]')).code, refused);
  });
}

test('the targets are registered with an iSNS server of IPv6', async (t) => {
  if (!requires(t, 'ip', 'isnsd', 'isnsadm', 'sfdisk', root, networkNamespaces)) return;
  await using network = await ipv6Network('isns6');
  const { onClient, clientInterface } = network;
  await startIsnsd(t, 'fd00:78::2', onClient);
  await using server = await start(t, network, '--isns-server', '[fd00:78::2]');
  const given = ['--dhcp', 'off', '--server-name', '[fd00:78::1]', '--target', targetName];
  const boot = [process.execPath, launcher, 'boot', '--interface', clientInterface, ...given];
  await ok([...onClient, ...boot]);
  const list = () => new Isnsadm(t, 'fd00:78::2', targetName, onClient).succeed('--list', 'portals');
  const limit = AbortSignal.timeout(20_000);
  let portals = await list();
  while (!portals.includes('fd00:78::1')) {
    limit.throwIfAborted();
    portals = await list();
  }
  assert.match(portals, /fd00:78::1\n.*3260\/tcp/);
  assert.equal(server.find('trouble'), undefined);
});

test('an SLP directory agent of IPv6 that was named is asked', async (t) => {
  if (!requires(t, 'ip', 'sfdisk', root, networkNamespaces)) return;
  await using network = await ipv6Network('slp6');
  const { onClient, clientInterface } = network;
  const settings = { interface: clientInterface, port: 427, to: { address: 'fd00:78::1', port: 427 }, datagrams: [] };
  // In no group: what it hears is for it alone.
  await using agent = new RunningProgram(onClient.at(-1) ?? '', receiver, settings);
  await agent.message(({ type }) => type === 'ready');
  await using _server = await start(t, network, '--slp', 'on', '--slp-agent', '[fd00:78::2]');
  const { data } = await agent.message(({ type }) => type === 'heard');
  const request = Buffer.from(String(data), 'hex');
  assert.deepEqual([request[0], request[1]], [2, 1], 'a service request of SLP version 2');
  assert.ok(request.includes('service:directory-agent'));
});
