/** `diskless host set` beside a running server: addresses that are kept for a machine, in both families. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { writeBootableImage } from '../support/bootable-image.ts';
import { RunningProgram } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { ServeProgram } from '../support/serve-program.ts';
import { makeServedNetwork, run, type ServedNetwork } from '../support/served-network.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const support = (name: string) => join(import.meta.dirname, '../support', name);
const launcher = join(import.meta.dirname, '../../bin/diskless.js');
const [first, second] = ['52:54:00:ab:cd:01', '52:54:00:ab:cd:02'] as const;

interface Rig {
  readonly network: ServedNetwork;
  readonly data: string;
  readonly serve: () => Promise<ServeProgram>;
}

async function rigOf(t: TestContext, network: ServedNetwork): Promise<Rig> {
  const { onServer, serverInterface } = network;
  const { code, stderr } = await run([
    ...onServer,
    ...['ip', 'address', 'add', '2001:db8::1/64', 'dev', serverInterface, 'nodad'],
  ]);
  assert.equal(code, 0, stderr);
  const directory = temporaryDirectory(t);
  const image = join(directory, 'golden.img');
  const content = Buffer.alloc(1 << 20);
  writeBootableImage(image, content);
  const data = join(directory, 'data');
  const flags = ['--interface', serverInterface, '--data', data, '--loader-dir', 'off'];
  const modes = ['--dhcp', 'full', '--dhcp-probe', 'off', '--dhcp6', 'on'];
  return { network, data, serve: () => ServeProgram.start([image, ...flags, ...modes], onServer) };
}

/** What a machine with this card is given: an address of IPv4 and one of IPv6. */
async function boot({ onClient, clientInterface }: ServedNetwork, hardwareAddress: string): Promise<readonly string[]> {
  const settings = { interface: clientInterface, hardwareAddress, timeout: 20_000 };
  const namespace = onClient.at(-1) ?? '';
  await using v4 = new RunningProgram(namespace, support('dhcp-client-program.ts'), settings);
  const lease = await v4.message(({ type }) => type === 'bound');
  const six = { ...settings, mode: 'stateful', longestDelay: 0 };
  await using v6 = new RunningProgram(namespace, support('dhcp6-client-program.ts'), six);
  const { addresses } = await v6.message(({ type }) => type === 'bound');
  return [String(lease.address), String(addresses)];
}

/** Whoever logs in at its disk is one of the fleet. */
async function login({ onServer }: ServedNetwork, hardwareAddress: string): Promise<void> {
  const disk = `iscsi:192.168.78.1::::iqn.2026-11.internal.diskless:${hardwareAddress.replaceAll(':', '-')}`;
  const { code, stderr } = await run([...onServer, process.execPath, launcher, 'iscsi', 'inquiry', disk]);
  assert.equal(code, 0, stderr);
}

test('an address of either family is kept for a machine from its next boot on, until it is removed', async (t) => {
  if (!requires(t, 'ip', root, networkNamespaces)) return;
  await using network = makeServedNetwork('hostset');
  const { data, serve } = await rigOf(t, network);
  const host = (...args: string[]) => run([process.execPath, launcher, 'host', ...args, '--data', data]);
  const set = async (...args: string[]) => {
    const { code, stdout, stderr } = await host('set', ...args);
    assert.equal(code, 0, stderr);
    return stdout.toString();
  };
  const refused = async (exit: number, error: string, ...args: string[]) => {
    const { code, stderr } = await host('set', ...args);
    assert.match(stderr, new RegExp(`^diskless: [^\\n]*\\(${error}\\)[^\\n]*\\n$`));
    assert.equal(code, exit);
  };
  const kept = ['192.168.78.9', '2001:db8::9'];
  {
    await using server = await serve();
    const pooled = await boot(network, first);
    assert.match(pooled.join(' '), /^192\.168\.78\.\d+ 2001:db8::1:[0-9a-f]+$/);
    const other = await boot(network, second);
    for (const mac of [first, second]) await login(network, mac);
    const both = ['--ipv4', '192.168.78.9', '--ipv6', '2001:DB8:0::9'];
    assert.equal(await set(first, ...both), `${first}: 192.168.78.9 and 2001:db8::9 kept for it\n`);
    const [v4 = '', v6 = ''] = other;
    for (const [flag, leased, outside, address] of [
      ['--ipv4', v4, '192.168.79.9', '192.168.78.9'],
      ['--ipv6', v6, '2001:db8:1::9', '2001:db8::9'],
    ] as const) {
      await refused(3, 'HOST_ADDRESS_NOT_SERVED', first, flag, outside);
      await refused(6, 'HOST_ADDRESS_IN_USE', first, flag, leased);
      await refused(6, 'FLEET_ADDRESS_EXISTS', second, flag, address);
    }
    await refused(3, 'HOST_ADDRESS_EXCLUDED', first, '--ipv6', '2001:db8::1');
    await refused(2, 'USAGE_HOST_UNCHANGED', first);
    await refused(5, 'HOST_UNKNOWN', '52:54:00:ab:cd:03', '--ipv6', '2001:db8::a');
    assert.deepEqual(await boot(network, first), kept, 'while the server runs');
    await server.end('SIGKILL');
  }
  {
    await using _server = await serve();
    assert.deepEqual(await boot(network, first), kept, 'after a restart');
    assert.match((await host('list')).stdout.toString(), /^52:54:00:ab:cd:01 .* 192\.168\.78\.9 2001:db8::9 /m);
    assert.match((await host('show', first)).stdout.toString(), /^kept address +192\.168\.78\.9 and 2001:db8::9/m);
    await set(first, '--ipv6', 'none');
    const { stdout } = await host('show', first, '--json');
    assert.deepEqual(JSON.parse(stdout.toString()).host.address, '192.168.78.9', 'the other one stays');
    await set(first, '--ipv4', '192.168.78.10');
    assert.deepEqual((await boot(network, first))[0], '192.168.78.10');
  }
});
