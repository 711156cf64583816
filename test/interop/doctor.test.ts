/** `diskless doctor` on a cable with dnsmasq and tgtd at the other end. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeBootDisk } from '../support/boot-disk.ts';
import { startDnsmasq } from '../support/dnsmasq.ts';
import { end, NamespacePair, said } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { ServeProgram } from '../support/serve-program.ts';
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
  readonly disks: readonly { readonly namings: readonly unknown[]; readonly disk: { readonly kind: string } }[];
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

test('a network where all is well: every client of IPv4 boots, and the machine is left as it was', async (t) => {
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
    [
      ...['ipxe boots', 'ipxe-v6 fails', 'uefi-v4 boots', 'uefi-v6 fails'],
      ...['dracut boots', 'dracut-v6 fails', 'debian boots'],
    ],
  );
  assert.deepEqual(document.offers.map(({ askedAs }) => askedAs).sort(), ['ipxe', 'plain']);
  assert.ok(document.disks.every(({ disk }) => disk.kind === 'good'));
  const origin = 'the offer of 192.0.2.1';
  assert.deepEqual(
    document.disks.map(({ namings }) => namings),
    [['plain', 'ipxe'].map((askedAs) => ({ origin, askedAs }))],
    'a disk is there once, whoever gets it',
  );
  assert.equal(addresses(pair), '', 'the address is taken away again');
});

test('a server that is named is found by the name server that the network names, as machines that boot there find it', async (t) => {
  if (!requires(t, ...peers)) return;
  await using stack = new AsyncDisposableStack();
  const pair = await served(t, stack, 'doctor-named');
  const name = 'boot.doctor.example.com';
  // Nobody reaches anything by IPv6 here, and a client over IPv4 does not try.
  const names = [
    '--port=53',
    '--no-resolv',
    '--no-hosts',
    `--address=/${name}/192.0.2.1`,
    `--address=/${name}/2001:db8::9`,
  ];
  await using _dnsmasq = await startDnsmasq(pair, [...names, `--dhcp-option=17,iscsi:${name}:::1:${targetName}`]);
  const { document } = await examine(pair);
  assert.deepEqual(document.findings, []);
  assert.ok(document.disks.every(({ disk }) => disk.kind === 'good'));
});

test('as another machine: the target that its name leads to is seen, and those of others are hidden', async (t) => {
  if (!requires(t, 'ip', 'sfdisk', root, networkNamespaces)) return;
  const directory = temporaryDirectory(t);
  const image = join(directory, 'image.img');
  makeBootDisk(image);
  using pair = new NamespacePair('doctor-other', mac);
  pair.setClientAddress('192.0.2.77');
  const settings = [
    '--interface',
    'server0',
    '--data',
    join(directory, 'data'),
    '--dhcp',
    'off',
    '--loader-dir',
    'off',
  ];
  await using _server = await ServeProgram.start([image, ...settings], ['ip', 'netns', 'exec', pair.server]);
  const prefix = 'iqn.2026-11.internal.diskless';
  const of = (machine: string) => ({ target: `${prefix}:${machine}`, initiator: `${prefix}:initiator:${machine}` });
  const [first, second] = [of('52-54-00-aa-00-01'), of('52-54-00-aa-00-02')];
  const lookAs = async (initiator: string, target: string) => {
    const asked = ['--dhcp', 'off', '--root-path', `iscsi:192.0.2.1::::${target}`, '--initiator', initiator];
    const { output } = await pair.run(
      process.execPath,
      [program, 'doctor', '--interface', 'client0', ...asked],
      60_000,
    );
    return output;
  };
  const own = await lookAs(first.initiator, first.target);
  assert.match(own, new RegExp(`bootable by BIOS and UEFI, SendTargets names .*${first.target}`));
  assert.doesNotMatch(own, new RegExp(second.target));
  const others = await lookAs(first.initiator, second.target);
  assert.match(others, new RegExp(`SendTargets names ${first.target}`));
  assert.match(others, /DOCTOR_TARGET_HIDDEN/);
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
