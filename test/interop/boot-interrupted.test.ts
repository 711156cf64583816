/**
 * `diskless boot` is interrupted in each of its stages, while it waits for somebody who says nothing: it ends at once, and the machine
 * is as it was. (The DHCP stage: test/interop/boot.)
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { runCommand } from '../../scripts/command.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { openDirectory } from '../../src/target/directory.ts';
import { Portal } from '../../src/target/portal.ts';
import { Target } from '../../src/target/target.ts';
import { startDnsmasq } from '../support/dnsmasq.ts';
import { end, NamespacePair } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { HeldDevice } from '../target/held-device.ts';

const mac = '52:54:00:42:00:07';
const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const targetName = 'iqn.2001-04.com.example:disk';
const rootPath = `iscsi:192.0.2.1::::${targetName}`;

/** A program that hears at a port, by TCP and UDP, says so on its output, and answers nothing. */
const silentServer = (port: number): string => `
  const asked = () => console.log('asked');
  require('node:dgram').createSocket('udp4').on('message', asked).bind(${port}, '192.0.2.1', () =>
    require('node:net').createServer(asked).listen(${port}, '192.0.2.1', () => console.log('ready')));`;

interface Stage {
  readonly stage: string;
  /** Where nobody answers. */
  readonly port: number;
  readonly flags: readonly string[];
  readonly signal: 'SIGINT' | 'SIGTERM';
}

const stages: readonly Stage[] = [
  {
    ...{ stage: 'software', port: 69, signal: 'SIGINT' },
    flags: ['--software-stage', 'tftp://192.0.2.1/loader', '--dhcp', 'v4'],
  },
  {
    ...{ stage: 'discovery', port: 427, signal: 'SIGTERM' },
    flags: ['--discovery', 'slp', '--slp-agent', '192.0.2.1', '--target', targetName],
  },
  {
    ...{ stage: 'discovery', port: 3205, signal: 'SIGINT' },
    flags: ['--discovery', 'isns', '--isns-server', '192.0.2.1'],
  },
  { stage: 'boot', port: 3260, signal: 'SIGTERM', flags: ['--root-path', rootPath] },
];

/** What a boot sets on a machine. */
async function setOn(namespace: string): Promise<string> {
  const address = await runCommand('ip', ['-n', namespace, '-4', '-o', 'address', 'show', 'dev', 'client0']);
  return address + (await runCommand('ip', ['-n', namespace, '-4', 'route', 'show']));
}

for (const { stage, port, flags, signal } of stages) {
  test(`the ${stage} stage waits for port ${port}: ${signal} ends it, and takes back what was set`, async (t) => {
    if (!requires(t, 'dnsmasq', 'ip', root, networkNamespaces)) return;
    using pair = new NamespacePair(`stop-${port}`, mac);
    await using _dnsmasq = await startDnsmasq(pair, ['--dhcp-option=3,192.0.2.1']);
    const server = pair.spawn('server', process.execPath, ['-e', silentServer(port)]);
    await using _server = { [Symbol.asyncDispose]: () => end(server) };
    const heard = linesOf(server);
    assert.equal((await heard.next()).value, 'ready');

    const boot = pair.spawn('client', process.execPath, [program, 'boot', '--interface', 'client0', ...flags]);
    const ended = endOf(boot);
    await Promise.race([heard.next(), ended]);
    assert.match(await setOn(pair.client), /192\.0\.2\.\d+\/24/);
    boot.kill(signal);
    await wasInterrupted(ended, stage);
    assert.equal(await setOn(pair.client), '');
  });
}

test('the first block is waited for: SIGINT ends it, and its session', async () => {
  await using site = await heldSite();
  const ended = endOf(site.boot());
  await site.device.holding(1);
  site.kill('SIGINT');
  await wasInterrupted(ended, 'boot');
  await site.empty();
});

test('blocks are copied by --read: SIGTERM ends it, and its session', async (t) => {
  await using site = await heldSite();
  const ended = endOf(site.boot('--read', '1M', '--out', join(temporaryDirectory(t), 'copy')));
  await site.device.holding(1);
  site.device.releaseAll();
  await site.device.holding(1);
  site.kill('SIGTERM');
  const output = await ended;
  assert.match(output, /boot {6}= /, 'the boot was over');
  assert.match(output, /\ndiskless: interrupted\n$/);
  await site.empty();
});

/** A target whose device answers when the test lets it, and boots from it without the network. */
async function heldSite() {
  const device = new HeldDevice(1 << 20);
  const target = new Target({ name: targetName, units: new Map([[0, device]]) });
  const gone = Promise.withResolvers<void>();
  const portal = await Portal.open({
    network: nodeNetwork,
    clock: systemClock,
    endpoint: { address: '127.0.0.1', port: 0 },
    directory: openDirectory([target]),
    onEvent: (event) => {
      if (event.kind === 'session ended') gone.resolve();
    },
  });
  let child: ChildProcess | undefined;
  return {
    device,
    boot(...flags: readonly string[]) {
      const path = `iscsi:127.0.0.1::${portal.endpoint.port}::${targetName}`;
      child = spawn(process.execPath, [program, 'boot', '--root-path', path, ...flags]);
      return child;
    },
    kill: (signal: NodeJS.Signals) => child?.kill(signal),
    async empty() {
      device.releaseAll();
      await gone.promise;
    },
    async [Symbol.asyncDispose]() {
      child?.kill('SIGKILL');
      device.releaseAll();
      await portal.close();
      await target.close();
    },
  };
}

function linesOf({ stdout }: ChildProcess): AsyncIterator<string> {
  assert.ok(stdout);
  return createInterface({ input: stdout })[Symbol.asyncIterator]();
}

/** Resolves with all that it said, and how it ended. */
async function endOf(child: ChildProcess): Promise<string> {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      output += chunk;
    });
  }
  const [code, signal] = await once(child, 'close');
  assert.deepEqual([code, signal], [130, null], output);
  return output;
}

async function wasInterrupted(ended: Promise<string>, stage: string): Promise<void> {
  const output = await ended;
  assert.match(output, new RegExp(`${stage} +! it was interrupted \\(INTERRUPTED\\)\\n`));
  assert.match(output, /\ndiskless: interrupted\n$/);
}
