/** `diskless boot` against servers of other makes: dnsmasq for DHCP and tgtd for the disk, each end in a network namespace of its own. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeBootDisk } from '../support/boot-disk.ts';
import { startDnsmasq } from '../support/dnsmasq.ts';
import { NamespacePair } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startTgtd } from '../support/tgtd.ts';

const targetName = 'iqn.2001-04.com.example:disk';
const mac = '52:54:00:42:00:01';
const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');

interface Report {
  readonly ok: boolean;
  readonly error?: { readonly code: string };
  readonly parameters: Record<string, { readonly value: unknown; readonly source: string }>;
  readonly stages: readonly {
    readonly stage: string;
    readonly outcome: string;
    readonly reason: string;
    readonly steps: readonly { readonly text: string }[];
    readonly learned: Record<string, unknown>;
  }[];
  readonly copied?: { readonly length: number; readonly sha256: string };
}

class Rig implements AsyncDisposable {
  readonly pair: NamespacePair;
  readonly disk: string;
  readonly directory: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(pair: NamespacePair, disk: string, directory: string, stack: AsyncDisposableStack) {
    this.pair = pair;
    this.disk = disk;
    this.directory = directory;
    this.#stack = stack;
  }

  /** tgtd with a disk at LUN 1 on one end of the cable. */
  static async start(t: TestContext, name: string): Promise<Rig> {
    const stack = new AsyncDisposableStack();
    const directory = temporaryDirectory(t);
    const pair = stack.use(new NamespacePair(name, mac));
    const disk = join(directory, 'disk.img');
    makeBootDisk(disk);
    stack.use(await startTgtd({ portal: '192.0.2.1:3260', targetName, files: [disk], namespace: pair.server }));
    return new Rig(pair, disk, directory, stack);
  }

  /** Runs the program in the client's namespace and reads its JSON. */
  async boot(...args: string[]): Promise<{ status: number | null; report: Report; output: string }> {
    const { status, output } = await this.pair.run(process.execPath, [program, 'boot', '--json', ...args], 60_000);
    const start = output.indexOf('{');
    assert.ok(start >= 0, output);
    const document = output.slice(start, output.lastIndexOf('\n}') + 2);
    return { status, report: JSON.parse(document) as Report, output };
  }

  link(): string {
    return spawnSync('ip', ['-n', this.pair.client, 'link', 'show', 'dev', 'client0'], { encoding: 'utf8' }).stdout;
  }

  addresses(): string {
    return spawnSync('ip', ['-n', this.pair.client, '-4', '-o', 'address', 'show', 'dev', 'client0'], {
      encoding: 'utf8',
    }).stdout;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

const peers = ['tgtd', 'tgtadm', 'dnsmasq', 'ip', 'sfdisk', root, networkNamespaces] as const;

function outcomes(report: Report): Record<string, string> {
  return Object.fromEntries(report.stages.map(({ stage, outcome }) => [stage, outcome]));
}

test('an interface without an address: DHCP names the disk, and the boot reads it', async (t) => {
  if (!requires(t, ...peers)) return;
  await using rig = await Rig.start(t, 'boot-dhcp');
  const told = [`17,iscsi:192.0.2.1:::1:${targetName}`, '26,1400'];
  await using _dnsmasq = await startDnsmasq(
    rig.pair,
    told.map((option) => `--dhcp-option=${option}`),
  );
  const copy = join(rig.directory, 'copy.img');
  const { status, report, output } = await rig.boot('--interface', 'client0', '--read', '3M', '--out', copy);
  assert.equal(status, 0, output);
  assert.deepEqual(outcomes(report), { software: 'skipped', dhcp: 'done', discovery: 'skipped', boot: 'done' });
  const steps = report.stages.flatMap((stage) => stage.steps.map(({ text }) => text));
  assert.ok(steps.includes('client0 has the MTU 1400 for this boot'), steps.join('\n'));
  assert.match(rig.link(), / mtu 1500 /, 'it is put back');
  assert.deepEqual(report.parameters, {
    serverName: { value: '192.0.2.1', source: 'dhcp' },
    port: { value: 3260, source: 'default' },
    lun: { value: '1', source: 'dhcp' },
    targetName: { value: targetName, source: 'dhcp' },
    initiatorName: { value: 'iqn.2026-11.internal.diskless:client-52-54-00-42-00-01', source: 'default' },
  });
  const { disk } = (report.stages[3]?.learned ?? {}) as {
    disk: { partitionTable: string; problems: string[]; bootableBy: string[]; partitions: { name: string }[] };
  };
  assert.deepEqual(disk.bootableBy, ['BIOS', 'UEFI']);
  assert.equal(disk.partitionTable, 'gpt');
  assert.deepEqual(disk.problems, []);
  assert.deepEqual(
    disk.partitions.map(({ name }) => name),
    ['ESP', 'root'],
  );

  const expected = readFileSync(rig.disk).subarray(0, 3 << 20);
  assert.ok(readFileSync(copy).equals(expected));
  assert.equal(report.copied?.sha256, createHash('sha256').update(expected).digest('hex'));
  assert.equal(rig.addresses(), '', 'the address is taken away again');
});

test('what the user says bypasses what DHCP says, and an interface with an address keeps it', async (t) => {
  if (!requires(t, ...peers)) return;
  await using rig = await Rig.start(t, 'boot-user');
  await using _dnsmasq = await startDnsmasq(rig.pair, [
    '--dhcp-option=17,iscsi:192.0.2.77:::5:iqn.2001-04.com.example:other',
  ]);
  rig.pair.setClientAddress('192.0.2.7');
  const before = rig.addresses();
  const { status, report, output } = await rig.boot(
    '--interface',
    'client0',
    '--root-path',
    `iscsi:192.0.2.1:::1:${targetName}`,
  );
  assert.equal(status, 0, output);
  assert.deepEqual(outcomes(report), { software: 'skipped', dhcp: 'skipped', discovery: 'skipped', boot: 'done' });
  assert.equal(report.parameters.targetName?.source, 'user');
  assert.equal(rig.addresses(), before);

  // Without an address, DHCP is still asked for one, and only for that.
  spawnSync('ip', ['-n', rig.pair.client, 'address', 'flush', 'dev', 'client0']);
  const again = await rig.boot('--interface', 'client0', '--root-path', `iscsi:192.0.2.1:::1:${targetName}`);
  assert.equal(again.status, 0, again.output);
  assert.equal(outcomes(again.report).dhcp, 'done');
  assert.equal(again.report.parameters.targetName?.source, 'user');
});

test('BOOTP and INFORM name the disk like DHCP does', async (t) => {
  if (!requires(t, ...peers)) return;
  await using rig = await Rig.start(t, 'boot-old');
  // BOOTP's 64 bytes have room for no more than the server; its target is found by asking it.
  const served = [`--dhcp-option=17,iscsi:192.0.2.1:::1:${targetName}`, '--dhcp-option=3', '--bootp-dynamic'];
  await using _dnsmasq = await startDnsmasq(rig.pair, served);
  const bare = ['--interface', 'client0', '--server-name', '192.0.2.1', '--lun', '1'];
  const bootp = await rig.boot(...bare, '--dhcp', 'bootp');
  assert.equal(bootp.status, 0, bootp.output);
  assert.deepEqual(bootp.report.stages[1]?.learned.leaseTime, undefined);
  assert.match(String(bootp.report.stages[1]?.learned.address), /^192\.0\.2\.1/);
  assert.equal(rig.addresses(), '', 'the address is taken away again');

  rig.pair.setClientAddress('192.0.2.77');
  const inform = await rig.boot('--interface', 'client0', '--dhcp', 'inform');
  assert.equal(inform.status, 0, inform.output);
  assert.equal(inform.report.stages[1]?.learned.address, '192.0.2.77');
  assert.deepEqual(inform.report.parameters.targetName, { value: targetName, source: 'dhcp' });
  assert.match(rig.addresses(), /192\.0\.2\.77\/24/);
});

test('a server that DHCP names by its name is found by the name server that DHCP names', async (t) => {
  if (!requires(t, ...peers)) return;
  await using rig = await Rig.start(t, 'boot-name');
  const names = ['--port=53', '--no-resolv', '--no-hosts', '--address=/boot.example.com/192.0.2.1'];
  const served = [`--dhcp-option=17,iscsi:boot.example.com:::1:${targetName}`, '--dhcp-option=6,192.0.2.1'];
  await using _dnsmasq = await startDnsmasq(rig.pair, [...names, ...served]);
  const { status, report, output } = await rig.boot('--interface', 'client0');
  assert.equal(status, 0, output);
  assert.deepEqual(report.parameters.serverName, { value: 'boot.example.com', source: 'dhcp' });
  const unknown = await rig.boot('--interface', 'client0', '--server-name', 'nowhere.example.com');
  assert.equal(unknown.report.error?.code, 'NETWORK_NAME_UNKNOWN', unknown.output);
});

test('a server without a target name is asked for its targets', async (t) => {
  if (!requires(t, ...peers)) return;
  await using rig = await Rig.start(t, 'boot-find');
  await using _dnsmasq = await startDnsmasq(rig.pair, []);
  const { status, report, output } = await rig.boot(
    '--interface',
    'client0',
    '--server-name',
    '192.0.2.1',
    '--lun',
    '1',
  );
  assert.equal(status, 0, output);
  assert.deepEqual(outcomes(report), { software: 'skipped', dhcp: 'done', discovery: 'done', boot: 'done' });
  assert.deepEqual(report.parameters.targetName, { value: targetName, source: 'discovery' });
});

test('the boot file that dnsmasq names and serves is fetched before the disk is (RFC 4173 §4)', async (t) => {
  if (!requires(t, ...peers)) return;
  await using rig = await Rig.start(t, 'boot-software');
  const loader = Buffer.alloc(70_001, 'loader');
  writeFileSync(join(rig.directory, 'loader.bin'), loader);
  const sha256 = createHash('sha256').update(loader).digest('hex');
  await using _dnsmasq = await startDnsmasq(rig.pair, [
    `--dhcp-option=17,iscsi:192.0.2.1:::1:${targetName}`,
    '--dhcp-boot=loader.bin',
    '--enable-tftp',
    `--tftp-root=${rig.directory}`,
  ]);
  const wanted = ['--interface', 'client0', '--software-stage', 'dhcp', '--software-digest'];
  const { status, report, output } = await rig.boot(...wanted, sha256);
  assert.equal(status, 0, output);
  assert.deepEqual(
    report.stages.map(({ stage, outcome }) => `${stage} ${outcome}`),
    ['dhcp done', 'software done', 'discovery skipped', 'boot done'],
  );
  const learned = { url: 'tftp://192.0.2.1/loader.bin', length: loader.length, sha256, verified: true };
  assert.deepEqual(report.stages[1]?.learned, learned);

  const other = await rig.boot(...wanted, '0'.repeat(64));
  assert.equal(other.report.error?.code, 'BOOT_SOFTWARE_DIGEST', other.output);
});

const failures: readonly (readonly [name: string, option: string, code: string, status: number])[] = [
  ['no Root Path', '--dhcp-option=15,example.com', 'BOOT_SERVER_UNKNOWN', 5],
  ['a Root Path without a server', `--dhcp-option=17,iscsi:::::${targetName}`, 'BOOT_SERVER_UNKNOWN', 5],
  ['a Root Path of another protocol', '--dhcp-option=17,/srv/nfs/root', 'BOOT_SERVER_UNKNOWN', 5],
  ['a Root Path with a field missing', `--dhcp-option=17,iscsi:192.0.2.1:::${targetName}`, 'ROOT_PATH_FIELDS', 9],
  [
    'a target that is not there',
    '--dhcp-option=17,iscsi:192.0.2.1::::iqn.2001-04.com.example:none',
    'ISCSI_TARGET_NOT_FOUND',
    5,
  ],
  ['a LUN that is not there', `--dhcp-option=17,iscsi:192.0.2.1:::9:${targetName}`, 'BOOT_LUN_NOT_FOUND', 5],
  ['a LUN that is no disk', `--dhcp-option=17,iscsi:192.0.2.1::::${targetName}`, 'BOOT_NOT_A_DISK', 1],
  ['a server where nothing listens', `--dhcp-option=17,iscsi:192.0.2.1::3261:1:${targetName}`, 'NETWORK_REFUSED', 1],
];

test('each thing that can be wrong ends in its own error, and leaves the machine as it was', async (t) => {
  if (!requires(t, ...peers)) return;
  await using rig = await Rig.start(t, 'boot-fail');
  for (const [name, option, code, expected] of failures) {
    await t.test(`${name}: ${code}`, async () => {
      await using _dnsmasq = await startDnsmasq(rig.pair, [option]);
      // Nobody answers SLP here, and it takes its time to be sure of that.
      const { status, report, output } = await rig.boot('--interface', 'client0', '--discovery', 'sendtargets');
      assert.equal(report.error?.code, code, output);
      assert.equal(status, expected);
      assert.equal(report.ok, false);
      assert.equal(output.match(/^diskless: /gm)?.length, 1, 'one line on stderr');
      assert.equal(rig.addresses(), '', 'the address is taken away again');
    });
  }
});

test('no DHCP server at all is reported in the time that was given', async (t) => {
  if (!requires(t, ...peers)) return;
  using pair = new NamespacePair('boot-silent', mac);
  const { status, output } = await pair.run(process.execPath, [
    program,
    'boot',
    '--interface',
    'client0',
    '--timeout',
    '4s',
  ]);
  assert.match(output, /DHCP_NO_OFFER/);
  assert.equal(status, 8);
});

test('Ctrl-C ends the boot with 130 and takes back what was set', async (t) => {
  if (!requires(t, 'ip', root, networkNamespaces)) return;
  using pair = new NamespacePair('boot-stop', mac);
  spawnSync('ip', ['-n', pair.client, 'link', 'set', 'client0', 'down']);
  const child = pair.spawn('client', process.execPath, [program, 'boot', '--interface', 'client0']);
  const ended = once(child, 'close');
  for await (const chunk of child.stdout ?? []) if (String(chunk).includes('DISCOVER')) child.kill('SIGINT');
  assert.deepEqual(await ended, [130, null]);
  const { stdout } = spawnSync('ip', ['-n', pair.client, 'link', 'show', 'client0'], { encoding: 'utf8' });
  assert.match(stdout, /state DOWN/);
});
