/** `diskless serve` on two networks that nothing leads between: what each of their machines is told, and that it can reach it. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { writeBootableImage } from '../support/bootable-image.ts';
import { startForeignDnsmasq } from '../support/dnsmasq.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { ServeProgram } from '../support/serve-program.ts';
import { makeServedNetwork, run, type ServedNetwork } from '../support/served-network.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { askForAddress, type Told } from '../support/udhcpc.ts';

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const MIB = 1 << 20;
const needs = [root, networkNamespaces, 'ip', 'udhcpc', 'iscsi-ls', 'qemu-io'] as const;

interface TwoNetworks extends AsyncDisposable {
  readonly first: ServedNetwork;
  readonly second: ServedNetwork;
  readonly directory: string;
  readonly image: string;
  /** Of a server on both, ready to run. */
  readonly args: readonly string[];
}

function twoNetworks(t: TestContext): TwoNetworks {
  const directory = temporaryDirectory(t);
  const image = join(directory, 'golden.img');
  const content = randomBytes(4 * MIB);
  writeBootableImage(image, content);
  const first = makeServedNetwork('two');
  const second = makeServedNetwork('two-other', first);
  const interfaces = [first, second].flatMap(({ serverInterface }) => ['--interface', serverInterface]);
  return {
    first,
    second,
    directory,
    image,
    args: [image, ...interfaces, '--data', join(directory, 'data'), '--loader-dir', 'off'],
    async [Symbol.asyncDispose]() {
      await second[Symbol.asyncDispose]();
      await first[Symbol.asyncDispose]();
    },
  };
}

const targetOf = (mac: string) => `iqn.2026-11.internal.diskless:${mac.replaceAll(':', '-')}`;
const upperHalfOf = ({ number }: ServedNetwork) =>
  new RegExp(`^192\\.168\\.${78 + number}\\.(12[89]|1[3-9]\\d|2\\d\\d)$`);

async function take(network: ServedNetwork, directory: string): Promise<Told> {
  const told = await askForAddress(network, directory);
  assert.ok(told, `no address on ${network.serverInterface}`);
  return told;
}

/** The portals of SendTargets, as who is on this network and asks at `address` is told them; of no target but `target`. */
async function portalsAt(network: ServedNetwork, address: string, target: string): Promise<string[]> {
  const { code, stdout, stderr } = await run([...network.onClient, 'iscsi-ls', `iscsi://${address}`]);
  assert.equal(code, 0, stderr);
  return stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) => {
      const [, name, portal = ''] = /^Target:(\S+) Portal:(\S+),1$/.exec(line) ?? [];
      assert.equal(name, target, line);
      return portal;
    });
}

async function qemuIo(network: ServedNetwork, target: string, ...commands: string[]): Promise<void> {
  const script = commands.flatMap((command) => ['-c', command]);
  const url = `iscsi://${network.serverAddress}/${target}/0`;
  const { code, stdout, stderr } = await run([...network.onClient, 'qemu-io', '-f', 'raw', ...script, url]);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stdout.toString(), /verification failed/);
}

test('the machines of two networks boot from addresses that they reach, each from its own disk (RFC 7143 appendix C)', async (t) => {
  if (!requires(t, ...needs)) return;
  await using networks = twoNetworks(t);
  const { first, second, directory, image, args } = networks;
  await using server = await ServeProgram.start([...args, '--dhcp', 'full'], first.onServer);
  const served = (await server.said('ready')).interfaces.map(({ name, subnet }) => `${name} ${subnet}`);
  assert.deepEqual(served, ['srv0 192.168.78.0/24', 'srv1 192.168.79.0/24']);
  const both = [first, second];
  // One after another: the second machine asks while the first has its lease.
  for (const network of both) {
    const { serverAddress, clientMac } = network;
    const told = await take(network, directory);
    assert.match(told.address, upperHalfOf(network));
    assert.equal(told.serverId, serverAddress);
    assert.equal(told.rootPath, `iscsi:${serverAddress}::::${targetOf(clientMac)}`);
    assert.deepEqual(await portalsAt(network, serverAddress, targetOf(clientMac)), [`${serverAddress}:3260`]);
  }
  await Promise.all(
    both.map(async (network) => {
      const out = join(directory, `read-${network.number}.img`);
      const read = ['boot', '--interface', network.clientInterface, '--read', '4M', '--out', out];
      const { code, stderr } = await run([...network.onClient, process.execPath, launcher, ...read]);
      assert.equal(code, 0, stderr);
      assert.ok(readFileSync(out).equals(readFileSync(image)), `what ${network.clientMac} reads is the image`);
      await qemuIo(network, targetOf(network.clientMac), `write -P ${network.number + 1} 1M 64k`, 'flush');
    }),
  );
  for (const network of both)
    await qemuIo(network, targetOf(network.clientMac), `read -P ${network.number + 1} 1M 64k`);
});

test('who comes from one network to the address on the other is told both that it can reach, and none else', async (t) => {
  if (!requires(t, ...needs)) return;
  await using networks = twoNetworks(t);
  const { first, second, directory, args } = networks;
  await using _server = await ServeProgram.start([...args, '--dhcp', 'full'], first.onServer);
  await take(first, directory);
  const way = ['route', 'add', '192.168.79.0/24', 'via', first.serverAddress];
  assert.equal((await run([...first.onClient, 'ip', ...way])).code, 0);
  const portals = await portalsAt(first, second.serverAddress, targetOf(first.clientMac));
  assert.deepEqual(new Set(portals), new Set([`${second.serverAddress}:3260`, `${first.serverAddress}:3260`]));
});

test('a machine that is put on the other network gets an address there, and its disk as it left it', async (t) => {
  if (!requires(t, ...needs)) return;
  await using networks = twoNetworks(t);
  const { first, second, directory, args } = networks;
  await using _server = await ServeProgram.start([...args, '--dhcp', 'full'], first.onServer);
  const machine = first.clientMac;
  const before = await take(first, directory);
  await qemuIo(first, targetOf(machine), 'write -P 0x5a 1M 64k', 'flush');
  // Its network card at the end of the other cable.
  const moves = [
    [...first.onClient, 'ip', 'link', 'set', first.clientInterface, 'down'],
    [...second.onClient, 'ip', 'link', 'set', second.clientInterface, 'address', machine],
  ];
  for (const move of moves) assert.equal((await run(move)).code, 0);
  const after = await take(second, directory);
  assert.match(after.address, upperHalfOf(second));
  assert.equal(after.rootPath, `iscsi:${second.serverAddress}::::${targetOf(machine)}`);
  assert.deepEqual(await portalsAt(second, second.serverAddress, targetOf(machine)), [`${second.serverAddress}:3260`]);
  await qemuIo(second, targetOf(machine), 'read -P 0x5a 1M 64k');
  const back = [
    [...second.onClient, 'ip', 'link', 'set', second.clientInterface, 'down'],
    [...first.onClient, 'ip', 'link', 'set', first.clientInterface, 'up'],
  ];
  for (const move of back) assert.equal((await run(move)).code, 0);
  assert.deepEqual(await take(first, directory), before);
});

test('beside a foreign DHCP server on one of them, addresses are given on the other only', async (t) => {
  if (!requires(t, ...needs, 'dnsmasq')) return;
  await using networks = twoNetworks(t);
  const { first, second, directory, args } = networks;
  await using _dnsmasq = await startForeignDnsmasq(second);
  await using server = await ServeProgram.start(args, first.onServer);
  const { interfaces } = await server.said('ready');
  assert.deepEqual(
    interfaces.map(({ name, dhcp, pool }) => ({ name, dhcp, pool })),
    [
      { name: 'srv0', dhcp: 'full', pool: '192.168.78.128-192.168.78.254' },
      { name: 'srv1', dhcp: 'proxy', pool: undefined },
    ],
  );
  assert.match((await take(first, directory)).address, upperHalfOf(first));
});
