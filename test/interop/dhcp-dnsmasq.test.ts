/** Our DHCP client and our search for other servers against dnsmasq. */

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { end, NamespacePair } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';

const hardwareAddress = '52:54:00:12:34:56';
const rootPath = 'iscsi:192.0.2.1::::iqn.2024-01.com.example:disk';
const clientProgram = join(import.meta.dirname, '../support/dhcp-client-program.ts');

class Dnsmasq implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #log: Interface;
  readonly #lines: string[] = [];

  private constructor(child: ChildProcess, stderr: Readable) {
    this.#child = child;
    this.#log = createInterface({ input: stderr });
    this.#log.on('line', (line) => this.#lines.push(line));
  }

  /** Returns once it answers requests. */
  static async start(pair: NamespacePair, ...more: string[]): Promise<Dnsmasq> {
    const quiet = ['--conf-file=/dev/null', '--no-daemon', '--user=root', '--port=0', '--log-dhcp', '--no-hosts'];
    const leases = ['--leasefile-ro', '--interface=server0', '--bind-dynamic', '--no-ping'];
    const child = pair.spawn('server', 'dnsmasq', [...quiet, ...leases, ...more]);
    assert.ok(child.stderr);
    const server = new Dnsmasq(child, child.stderr);
    await server.logged('DHCP,');
    return server;
  }

  /** Resolves once a line of its log has the text, which may come later than what it tells of. */
  async logged(text: string): Promise<void> {
    while (!this.#lines.some((line) => line.includes(text))) {
      const [line] = await Promise.race([once(this.#log, 'line'), once(this.#log, 'close')]);
      if (line === undefined) assert.fail(`dnsmasq has ended without "${text}": ${this.#lines.join('\n')}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#child);
  }
}

const full = ['--dhcp-range=192.0.2.50,192.0.2.60,255.255.255.0,1h', `--dhcp-option=17,${rootPath}`];

test('our client gets an address and the root path from dnsmasq, and gives the address back', async (t) => {
  if (!requires(t, 'dnsmasq', 'ip', root, networkNamespaces)) return;
  using pair = new NamespacePair('dnsmasq', hardwareAddress);
  await using server = await Dnsmasq.start(pair, ...full);
  const settings = { interface: 'client0', hardwareAddress, release: true };
  await using client = pair.program('client', clientProgram, settings);
  const bound = await client.message(({ type }) => type === 'bound');
  assert.match(String(bound.address), /^192\.0\.2\.(5[0-9]|60)$/);
  assert.equal(bound.serverIdentifier, '192.0.2.1');
  assert.equal(bound.rootPath, rootPath);
  assert.equal(bound.reason, 'carries an iscsi: root path');
  await client.message(({ type, summary }) => type === 'send' && String(summary).startsWith('RELEASE'));
  await server.logged(`DHCPACK(server0) ${bound.address} ${hardwareAddress}`);
});

test('our client renews with dnsmasq when half of the lease is over', async (t) => {
  if (!requires(t, 'dnsmasq', 'ip', root, networkNamespaces)) return;
  using pair = new NamespacePair('dnsmasq', hardwareAddress);
  // dnsmasq gives no lease shorter than two minutes, but T1 to a client that asks for it.
  await using _ = await Dnsmasq.start(pair, ...full, '--dhcp-option=option:T1,4');
  const settings = { interface: 'client0', hardwareAddress, parameterRequestList: [1, 17, 58, 59] };
  await using client = pair.program('client', clientProgram, settings);
  const bound = await client.message(({ type }) => type === 'bound');
  pair.setClientAddress(String(bound.address));
  const renewed = await client.message(({ type }) => type === 'renewed');
  assert.equal(renewed.address, bound.address);
  const sent = client.messages
    .filter(({ type }) => type === 'send')
    .map(({ summary }) => String(summary).split(' ')[0]);
  assert.deepEqual(sent, ['DISCOVER', 'REQUEST', 'REQUEST']);
});

test('our client confirms an earlier address with dnsmasq, and starts again when it is refused', async (t) => {
  if (!requires(t, 'dnsmasq', 'ip', root, networkNamespaces)) return;
  using pair = new NamespacePair('dnsmasq', hardwareAddress);
  await using _ = await Dnsmasq.start(pair, ...full, '--dhcp-authoritative');
  const settings = { interface: 'client0', hardwareAddress, previousAddress: '198.51.100.9' };
  await using client = pair.program('client', clientProgram, settings);
  const bound = await client.message(({ type }) => type === 'bound');
  assert.match(String(bound.address), /^192\.0\.2\./);
  assert.deepEqual(
    client.messages.map(({ type, summary }) => String(summary ?? type).split(' ')[0]),
    ['REQUEST', 'nak', 'DISCOVER', 'offer', 'REQUEST', 'bound'],
  );
});

test('where nobody serves, our client gives up with one clear error', async (t) => {
  if (!requires(t, 'ip', root, networkNamespaces)) return;
  using pair = new NamespacePair('nobody', hardwareAddress);
  const settings = { interface: 'client0', hardwareAddress, timeout: 500 };
  await using client = pair.program('client', clientProgram, settings);
  const failed = await client.message(({ type }) => type === 'failed');
  assert.equal(failed.code, 'DHCP_NO_OFFER');
});

test('the search for other servers finds dnsmasq, and nobody where nobody is', async (t) => {
  if (!requires(t, 'dnsmasq', 'ip', root, networkNamespaces)) return;
  using pair = new NamespacePair('detect', hardwareAddress);
  const settings = { interface: 'client0', hardwareAddress, detect: true, window: 3000 };
  await using alone = pair.program('client', clientProgram, { ...settings, window: 200 });
  const nobody = await alone.message(({ type }) => type === 'detected');
  assert.deepEqual(nobody.servers, []);
  await using _ = await Dnsmasq.start(pair, ...full);
  await using client = pair.program('client', clientProgram, settings);
  const found = await client.message(({ type }) => type === 'detected');
  assert.deepEqual(found.servers, [{ serverIdentifier: '192.0.2.1', kind: 'address' }]);
});
