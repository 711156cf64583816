/** `diskless doctor` on a cable with dnsmasq and tgtd at the other end. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeBootDisk } from '../support/boot-disk.ts';
import { startDnsmasq } from '../support/dnsmasq.ts';
import { end, NamespacePair, said } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startTgtd } from '../support/tgtd.ts';

const targetName = 'iqn.2001-04.com.example:disk';
const mac = '52:54:00:42:00:0a';
const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const peers = ['tgtd', 'tgtadm', 'dnsmasq', 'ip', 'sfdisk', root, networkNamespaces] as const;

interface Document {
  readonly ok: boolean;
  readonly findings: readonly { readonly code: string }[];
  readonly clients: readonly { readonly client: string; readonly outcome: string }[];
  readonly offers: readonly { readonly askedAs: string; readonly rootPath?: string }[];
  readonly disks: readonly { readonly disk: { readonly kind: string } }[];
}

async function examine(pair: NamespacePair, ...args: string[]): Promise<{ status: number | null; document: Document }> {
  const command = [program, 'doctor', '--interface', 'client0', '--json', ...args];
  const { status, output } = await pair.run(process.execPath, command, 60_000);
  const start = output.indexOf('{\n');
  assert.ok(start >= 0, output);
  return { status, document: JSON.parse(output.slice(start, output.lastIndexOf('\n}') + 2)) };
}

function addresses(pair: NamespacePair): string {
  const args = ['-n', pair.client, '-4', '-o', 'address', 'show', 'dev', 'client0'];
  return spawnSync('ip', args, { encoding: 'utf8' }).stdout;
}

async function served(t: TestContext, stack: AsyncDisposableStack, name: string): Promise<NamespacePair> {
  const pair = stack.use(new NamespacePair(name, mac));
  const disk = join(temporaryDirectory(t), 'disk.img');
  makeBootDisk(disk);
  stack.use(await startTgtd({ portal: '192.0.2.1:3260', targetName, files: [disk], namespace: pair.server }));
  return pair;
}

test('a network where all is well: every client that was looked at boots, and the machine is left as it was', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = await served(t, stack, 'doctor-well');
  await using _dnsmasq = await startDnsmasq(pair, [`--dhcp-option=17,iscsi:192.0.2.1:::1:${targetName}`]);
  const { status, document } = await examine(pair);
  assert.deepEqual(document.findings, []);
  assert.equal(status, 0);
  assert.equal(document.ok, true);
  assert.deepEqual(
    document.clients.map(({ client, outcome }) => `${client} ${outcome}`),
    ['ipxe boots', 'uefi-v4 boots', 'uefi-v6 not looked at', 'dracut boots', 'debian boots'],
  );
  assert.deepEqual(document.offers.map(({ askedAs }) => askedAs).sort(), ['ipxe', 'plain']);
  assert.ok(document.disks.every(({ disk }) => disk.kind === 'good'));
  assert.equal(addresses(pair), '', 'the address is taken away again');
});

test('what is wrong is found, and ends in 1: a port that is no target, a LUN that is read in two ways', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = await served(t, stack, 'doctor-ill');
  const listen = "require('node:net').createServer((s) => s.end('no target')).listen(3999, () => console.log('up'))";
  const other = pair.spawn('server', process.execPath, ['-e', listen]);
  stack.defer(() => end(other));
  await said(other, /up/);
  await using _dnsmasq = await startDnsmasq(pair, [`--dhcp-option=17,iscsi:192.0.2.1::3999:10:${targetName}`]);
  const { status, document } = await examine(pair);
  assert.deepEqual(document.findings.map(({ code }) => code).sort(), ['DOCTOR_LUN_DECIMAL', 'DOCTOR_NO_TARGET']);
  assert.equal(status, 1);
});

test('no DHCP server, and no Root Path from the one that there is', async (t) => {
  if (!requires(t, ...peers)) return;
  using pair = new NamespacePair('doctor-none', mac);
  const nobody = await examine(pair);
  assert.deepEqual(
    nobody.document.findings.map(({ code }) => code),
    ['DOCTOR_NO_DHCP_SERVER'],
  );
  assert.equal(nobody.status, 1);
  await using _dnsmasq = await startDnsmasq(pair, []);
  const pathless = await examine(pair);
  assert.deepEqual(new Set(pathless.document.findings.map(({ code }) => code)), new Set(['DOCTOR_NO_ROOT_PATH']));
});
