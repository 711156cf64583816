/** `diskless serve` on an interface that has no IPv4 address: everything over IPv6, and nothing over IPv4. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeBootDisk } from '../support/boot-disk.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { ServeProgram } from '../support/serve-program.ts';
import { makeServedNetwork, run, type ServedNetwork } from '../support/served-network.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const launcher = join(import.meta.dirname, '../../bin/diskless.js');
const targetName = 'iqn.2026-11.internal.diskless:52-54-00-ab-cd-01';

async function ok(command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(command);
  assert.equal(code, 0, `${command.join(' ')}: ${stderr}`);
  return stdout.toString();
}

/** A served network whose server has a link-local address, and what is given. */
async function networkWithout(name: string, ...addresses: readonly string[]): Promise<ServedNetwork> {
  const network = makeServedNetwork(name);
  const { onServer, serverInterface: link } = network;
  await ok([...onServer, 'ip', 'address', 'flush', 'dev', link, 'scope', 'global']);
  for (const address of addresses) {
    await ok([...onServer, 'ip', 'address', 'add', address, 'dev', link, 'nodad']);
  }
  return network;
}

interface Files {
  readonly args: readonly string[];
  readonly directory: string;
  readonly image: string;
  readonly loader: Buffer;
}

function filesOf(t: TestContext, { serverInterface }: ServedNetwork): Files {
  const directory = temporaryDirectory(t);
  const image = join(directory, 'golden.img');
  makeBootDisk(image);
  const loaders = join(directory, 'loaders');
  mkdirSync(loaders);
  const loader = randomBytes(100_000);
  for (const name of ['undionly.kpxe', 'snponly.efi']) writeFileSync(join(loaders, name), loader);
  const flags = ['--interface', serverInterface, '--data', join(directory, 'data'), '--loader-dir', loaders];
  return { args: [image, ...flags, '--dhcp6', 'on'], directory, image, loader };
}

test('our boot client boots over IPv6 from an interface that has nothing else', async (t) => {
  if (!requires(t, 'ip', 'curl', 'sfdisk', root, networkNamespaces)) return;
  await using network = await networkWithout('alone6', 'fd00:78::1/64');
  const { onServer, onClient, clientInterface } = network;
  const { args, directory, image, loader } = filesOf(t, network);
  await using server = await ServeProgram.start([...args, '--isns', 'on', '--slp', 'on'], onServer);
  const mode = server.find('dhcp-mode');
  assert.deepEqual([mode?.mode, mode?.reason], ['off', 'it has no IPv4 address, and is served over IPv6 alone']);
  assert.deepEqual(server.find('ready')?.interfaces, [
    {
      name: network.serverInterface,
      dhcp: 'off',
      tftp: 'tftp://[fd00:78::1]:69/',
      http: 'http://[fd00:78::1]:8080/',
      iscsi: '[fd00:78::1]:3260',
      ipv6: { address: 'fd00:78::1', prefix: 'fd00:78::/64', pool: 'fd00:78::1:0-fd00:78::1:ffff' },
    },
  ]);
  const sockets = await ok([...onServer, 'cat', '/proc/net/tcp', '/proc/net/udp']);
  assert.equal(sockets.trim().split('\n').length, 2, `two headings, and no socket of IPv4: ${sockets}`);

  const boot = (...flags: string[]) =>
    run([...onClient, process.execPath, launcher, 'boot', '--interface', clientInterface, ...flags]);
  const out = join(directory, 'read');
  const booted = await boot('--dhcp', 'v6', '--read', '64K', '--out', out);
  assert.equal(booted.code, 0, `${booted.stdout}\n${booted.stderr}`);
  assert.deepEqual(readFileSync(out), readFileSync(image).subarray(0, 64 << 10));

  await ok([...onClient, 'ip', 'address', 'add', 'fd00:78::7/64', 'dev', clientInterface, 'nodad']);
  for (const url of ['tftp://[fd00:78::1]/snponly.efi', 'http://[fd00:78::1]:8080/snponly.efi']) {
    const { code, stdout, stderr } = await run([...onClient, 'curl', '-sSf', url]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(stdout, loader, url);
  }
  for (const [discovery, ...flags] of [['slp'], ['isns', '--isns-server', '[fd00:78::1]']] as const) {
    const found = await boot('--dhcp', 'off', '--discovery', discovery, '--target', targetName, ...flags);
    assert.equal(found.code, 0, `${discovery}: ${found.stdout}\n${found.stderr}`);
  }
  assert.deepEqual(
    server.events.filter(({ event }) => event === 'trouble'),
    [],
  );
  assert.equal(await server.end('SIGTERM'), 0);
});

test('an interface without IPv4 is not served with a setting that is of it, nor with a link-local address alone', async (t) => {
  if (!requires(t, 'ip', 'sfdisk', root, networkNamespaces)) return;
  await using network = await networkWithout('alone6no');
  const { onServer, serverInterface: link } = network;
  const { args } = filesOf(t, network);
  const refused = async (flags: readonly string[], text: RegExp) => {
    const { code, stderr } = await run([...onServer, process.execPath, launcher, 'serve', ...args, ...flags]);
    assert.match(stderr, text);
    assert.equal(code, 3);
  };
  await refused([], /link-local, which no Root Path can name\) \(INTERFACE_NO_IPV6_ADDRESS\)/);
  await ok([...onServer, 'ip', 'address', 'add', 'fd00:78::1/64', 'dev', link, 'nodad']);
  await refused(['--pool', '192.168.78.10-192.168.78.19'], /--pool is of IPv4, .* \(INTERFACE_NO_ADDRESS\)/);
});
