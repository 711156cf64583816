/** What can be wrong with a network that machines boot from, each fault on a network of its own where nothing else is wrong. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeBootDisk } from '../support/boot-disk.ts';
import { otherServers, startDhcpd } from '../support/dhcp-servers.ts';
import { Dhcp6ServerProcess } from '../support/dhcp6-servers.ts';
import { startDnsmasq, startDnsmasqAt } from '../support/dnsmasq.ts';
import { Ipv6Pair } from '../support/ipv6-pair.ts';
import { startIstgt } from '../support/istgt.ts';
import { end, NamespacePair, said } from '../support/namespace-pair.ts';
import { Neighbour } from '../support/neighbour.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startTgtd } from '../support/tgtd.ts';

const targetName = 'iqn.2001-04.com.example:disk';
const mac = '52:54:00:42:00:0f';
const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const peers = ['tgtd', 'tgtadm', 'dnsmasq', 'ip', 'sfdisk', root, networkNamespaces] as const;
const rootPath = `iscsi:192.0.2.1:::1:${targetName}`;

interface Document {
  readonly findings: readonly { readonly code: string; readonly clients?: readonly string[] }[];
  readonly clients: readonly { readonly client: string; readonly outcome: string }[];
}

interface Seen {
  readonly codes: readonly string[];
  /** Of clients over IPv4. */
  readonly failing: readonly string[];
}

async function examine(pair: NamespacePair, ...flags: string[]): Promise<Seen> {
  const command = [program, 'doctor', '--interface', 'client0', '--json', ...flags];
  const { output } = await pair.run(process.execPath, command, 60_000);
  const start = output.indexOf('{\n');
  assert.ok(start >= 0, output);
  const document: Document = JSON.parse(output.slice(start, output.lastIndexOf('\n}') + 2));
  const failing = document.clients.filter(({ client, outcome }) => outcome !== 'boots' && !client.endsWith('-v6'));
  return { codes: document.findings.map(({ code }) => code), failing: failing.map(({ client }) => client) };
}

/** A disk at LUN 1 and at LUN 16, which is 10 in a Root Path. */
async function served(
  t: TestContext,
  stack: AsyncDisposableStack,
  name: string,
  given: { readonly portal?: string; readonly targetName?: string } = {},
): Promise<NamespacePair> {
  const { portal = '192.0.2.1' } = given;
  const pair = stack.use(new NamespacePair(name, mac));
  const disk = join(temporaryDirectory(t), 'disk.img');
  makeBootDisk(disk);
  const second = ['--op', 'new', '--mode', 'logicalunit', '--tid', '1', '--lun', '16', '-b', disk];
  const place = { files: [disk], namespace: pair.server, settings: [second], portal: `${portal}:3260` };
  if (portal !== '192.0.2.1') inServer(pair, 'address', 'add', `${portal}/32`, 'dev', 'lo');
  stack.use(await startTgtd({ targetName, ...given, ...place }));
  return pair;
}

function inServer(pair: NamespacePair, ...args: string[]): void {
  const { status, stderr } = spawnSync('ip', ['-n', pair.server, ...args], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

function named(text: string): string {
  return `--dhcp-option=17,${text}`;
}

test('a Root Path in the ACK that is not in the OFFER: UEFI passes the server by', async (t) => {
  if (!requires(t, ...peers, 'dhcpd')) return;
  await using stack = new AsyncDisposableStack();
  const pair = await served(t, stack, 'defect-offer');
  const configuration = `
    authoritative; ping-check false; default-lease-time 3600;
    subnet 192.0.2.0 netmask 255.255.255.0 {
      range 192.0.2.100 192.0.2.150;
      if option dhcp-message-type = 3 or exists user-class { option root-path "${rootPath}"; }
    }`;
  stack.use(await startDhcpd(pair, configuration));
  const { codes, failing } = await examine(pair);
  assert.deepEqual(codes, ['DOCTOR_ROOT_PATH_NOT_OFFERED']);
  assert.deepEqual(failing, ['uefi-v4']);
});

test('a LUN that dracut and Debian read as a decimal number', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = await served(t, stack, 'defect-lun');
  stack.use(await startDnsmasq(pair, [named(`iscsi:192.0.2.1:::10:${targetName}`)]));
  const { codes, failing } = await examine(pair);
  assert.deepEqual(codes, ['DOCTOR_LUN_DECIMAL']);
  assert.deepEqual(failing, ['dracut', 'debian']);
});

test('a port that answers and is no target', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = await served(t, stack, 'defect-port');
  const listen = "require('node:net').createServer((s) => s.end('no target')).listen(3999, () => console.log('up'))";
  const other = pair.spawn('server', process.execPath, ['-e', listen]);
  stack.defer(() => end(other));
  await said(other, /up/);
  stack.use(await startDnsmasq(pair, [named(`iscsi:192.0.2.1::3999:1:${targetName}`)]));
  const { codes, failing } = await examine(pair);
  assert.deepEqual(codes, ['DOCTOR_NO_TARGET']);
  assert.deepEqual(failing, ['ipxe', 'uefi-v4', 'dracut', 'debian']);
});

test('a disk behind a gateway', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = await served(t, stack, 'defect-gateway', { portal: '198.51.100.1' });
  stack.use(await startDnsmasq(pair, [named(`iscsi:198.51.100.1:::1:${targetName}`), '--dhcp-option=3,192.0.2.1']));
  const { codes, failing } = await examine(pair);
  assert.deepEqual(codes, ['DOCTOR_GATEWAY']);
  assert.deepEqual(failing, []);
});

test('a disk behind no gateway at all', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = await served(t, stack, 'defect-no-way', { portal: '198.51.100.1' });
  // Empty: dnsmasq would name itself.
  stack.use(await startDnsmasq(pair, [named(`iscsi:198.51.100.1:::1:${targetName}`), '--dhcp-option=3']));
  const { codes } = await examine(pair);
  assert.deepEqual(codes, ['DOCTOR_NO_GATEWAY', 'DOCTOR_SERVER_UNREACHABLE']);
});

test('a Root Path over 255 bytes, which UEFI reads the first piece of', async (t) => {
  if (!requires(t, ...peers, ...otherServers.kea.needs)) return;
  await using stack = new AsyncDisposableStack();
  const longest = `${targetName}.${'x'.repeat(222 - targetName.length)}`;
  const pair = await served(t, stack, 'defect-long', { targetName: longest });
  // All of it as it may be written: numbers with leading zeros.
  const value = new TextEncoder().encode(`iscsi:192.000.002.001:6:0003260:1:${longest}`);
  assert.equal(value.length, 257);
  stack.use(await otherServers.kea.start(pair, { options: new Map([[17, value]]) }));
  const { codes, failing } = await examine(pair);
  assert.deepEqual(codes, ['DOCTOR_ROOT_PATH_LONG']);
  assert.deepEqual(failing, ['uefi-v4']);
});

test('two DHCP servers', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = await served(t, stack, 'defect-two');
  const other = stack.use(new Neighbour(pair, '192.0.2.2/24'));
  stack.use(await startDnsmasq(pair, [named(rootPath)]));
  stack.use(await startDnsmasqAt({ ...other, range: '192.0.2.160,192.0.2.170' }, [named(rootPath)]));
  const { codes, failing } = await examine(pair);
  assert.deepEqual(codes, ['DOCTOR_SEVERAL_DHCP_SERVERS']);
  assert.deepEqual(failing, []);
});

test('two DHCPv6 servers', async (t) => {
  if (!requires(t, 'kea-dhcp6', 'dnsmasq', 'ip', root, networkNamespaces)) return;
  await using stack = new AsyncDisposableStack();
  const pair = stack.use(new Ipv6Pair('defect-two-v6', mac));
  const other = stack.use(new Neighbour(pair, '2001:db8::2/64'));
  stack.use(await Dhcp6ServerProcess.start(t, pair, 'dnsmasq'));
  stack.use(await Dhcp6ServerProcess.startAt(t, other, 'kea-dhcp6'));
  const { codes } = await examine(pair);
  assert.ok(codes.includes('DOCTOR_SEVERAL_DHCP_SERVERS'), codes.join(' '));
});

test('a target that hides its name from SendTargets', async (t) => {
  if (!requires(t, ...peers, 'istgt')) return;
  await using stack = new AsyncDisposableStack();
  const pair = stack.use(new NamespacePair('defect-hidden', mac));
  const directory = temporaryDirectory(t);
  const file = join(directory, 'disk.img');
  makeBootDisk(file);
  stack.use(await startIstgt(pair, { directory, targetName, file, isHidden: true }));
  stack.use(await startDnsmasq(pair, [named(`iscsi:192.0.2.1::::${targetName}`)]));
  const { codes, failing } = await examine(pair);
  assert.deepEqual(codes, ['DOCTOR_TARGET_HIDDEN']);
  assert.deepEqual(failing, ['dracut']);
});
