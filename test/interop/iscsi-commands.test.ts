/** `diskless iscsi` against this project's own target and against tgtd. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { UnitDescription } from '../../src/cli/unit-description.ts';
import { runCli } from '../cli/run-cli.ts';
import { freePort } from '../support/free-port.ts';
import { requires, root } from '../support/requires.ts';
import { run } from '../support/served-network.ts';
import { PROGRAM_TARGET_NAME, TargetProgram } from '../support/target-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startTgtd } from '../support/tgtd.ts';

const SIZE = 4 << 20;
const launcher = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');

function diskImage(t: TestContext): { readonly path: string; readonly content: Buffer } {
  const path = join(temporaryDirectory(t), 'disk.img');
  const content = randomBytes(SIZE);
  writeFileSync(path, content);
  return { path, content };
}

async function output(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(args);
  assert.equal(code, 0, stderr);
  return stdout;
}

test('discover, inquiry and read, against our own target', async (t) => {
  const { path, content } = diskImage(t);
  await using target = await TargetProgram.start(path, '--read-only', '--physical-block-size', '8192');
  assert.equal(await output('iscsi', 'discover', target.portal), `${target.portal},1 ${PROGRAM_TARGET_NAME}\n`);
  const found = JSON.parse(await output('iscsi', 'discover', '--json', target.portal));
  assert.deepEqual(found, {
    portal: target.portal,
    targets: [{ name: PROGRAM_TARGET_NAME, addresses: [{ host: '127.0.0.1', port: target.port, portalGroupTag: 1 }] }],
  });

  const text = await output('iscsi', 'inquiry', target.url);
  for (const line of [
    /^vendor +DISKLESS$/m,
    /^size +4 MiB \(4194304 bytes\)$/m,
    /^blocks +8192 of 512 bytes, physical blocks of 8192$/m,
    /^write protected +yes$/m,
    /^Block Limits \(VPD page b0h\)$/m,
    /^ {2}maximum transfer length +65536$/m,
    new RegExp(`^ {2}target: SCSI name +${PROGRAM_TARGET_NAME}$`, 'm'),
    /^Caching \(mode page 08h\)$/m,
    /^ {2}write cache enable +yes$/m,
    /^Control Extension \(mode page 0ah\/01h\)$/m,
  ]) {
    assert.match(text, line);
  }
  const unit = JSON.parse(await output('iscsi', 'inquiry', '--json', target.url)) as UnitDescription;
  assert.equal(unit.capacity?.size, SIZE);
  assert.equal(unit.writeProtected, true);
  assert.deepEqual(
    unit.modePages.map(({ code }) => code),
    [0x01, 0x07, 0x08, 0x0a, 0x0a, 0x1c],
  );

  const piped = await run([
    process.execPath,
    launcher,
    'iscsi',
    'read',
    target.url,
    '--offset',
    '1000',
    '--length',
    '70001',
  ]);
  assert.equal(piped.code, 0, piped.stderr);
  assert.ok(piped.stdout.equals(content.subarray(1000, 71_001)));
  const out = join(temporaryDirectory(t), 'out.img');
  const copied = JSON.parse(await output('iscsi', 'read', target.url, '--out', out, '--json', '--digests', 'both'));
  assert.equal(copied.length, SIZE);
  assert.ok(readFileSync(out).equals(content));
});

test('a reader that has had enough is no failure', async (t) => {
  const { path } = diskImage(t);
  await using target = await TargetProgram.start(path);
  const read = `"${process.execPath}" "${launcher}" iscsi read "${target.url}"`;
  const { stdout, stderr } = await run(['sh', '-c', `{ ${read}; echo "ended with $?" >&2; } | head -c 1000`]);
  assert.equal(stdout.length, 1000);
  assert.equal(stderr, 'ended with 0\n');
});

test('bench measures reads, and writes only when it is told to', async (t) => {
  const { path, content } = diskImage(t);
  await using target = await TargetProgram.start(path);
  const measured = ['--seconds', '1', '--sessions', '2', '--depth', '4', '--json'];
  const { results } = JSON.parse(await output('iscsi', 'bench', target.url, ...measured, '--size', '4K,64K'));
  assert.deepEqual(
    results.map(({ operation, size, sessions, depth }: Record<string, unknown>) => [operation, size, sessions, depth]),
    [
      ['read', 4096, 2, 4],
      ['read', 65_536, 2, 4],
    ],
  );
  for (const { requests, latency } of results) {
    assert.ok(requests > 0);
    assert.ok(latency.p50 <= latency.p99 && latency.p99 <= latency.max);
  }
  assert.ok(readFileSync(path).equals(content), 'nothing was written');
  const text = await output('iscsi', 'bench', target.url, '--seconds', '1', '--size', '64K', '--write');
  assert.match(text, /^ +size +requests\/s +MiB\/s +mean +p50 +p90 +p99 +p99\.9 +max, µs\nwrite +64K +\d+ /);
  assert.ok(!readFileSync(path).equals(content));
});

/** Writes files of CHAP secrets. */
function secretFiles(t: TestContext) {
  const directory = temporaryDirectory(t);
  return (name: string, ...lines: string[]) => {
    const file = join(directory, name);
    writeFileSync(file, `${lines.join('\n')}\n`);
    chmodSync(file, 0o600);
    return file;
  };
}

test('CHAP by file, both ways', async (t) => {
  const { path } = diskImage(t);
  const secrets = secretFiles(t);
  const [alice, bob, disk] = [
    'initiator alice a-long-secret-1',
    'initiator bob a-long-secret-2',
    'target disk a-long-secret-3',
  ];
  await using target = await TargetProgram.start(path, '--chap-file', secrets('server', alice, bob, disk));
  const inquire = (file: string) => runCli(['iscsi', 'inquiry', target.url, '--chap-file', file]);
  assert.equal((await inquire(secrets('alice', alice, disk))).code, 0);
  assert.equal((await inquire(secrets('bob', bob))).code, 0);
  const wrong = await inquire(secrets('wrong', 'initiator alice a-long-secret-9'));
  assert.equal(wrong.code, 7);
  assert.match(wrong.stderr, /^diskless: [^\n]*\(ISCSI_LOGIN_AUTH_FAILED\)[^\n]*\n$/);
  const impostor = await inquire(secrets('impostor', alice, 'target disk a-long-secret-8'));
  assert.equal(impostor.code, 7, impostor.stderr);
  const both = await inquire(secrets('both', alice, bob));
  assert.equal(both.code, 3);
  assert.match(both.stderr, /names 2 initiators, and one is to log in/);
  assert.equal((await runCli(['iscsi', 'inquiry', target.url])).code, 7);
});

test('a target that needs proof is shown to who discovers without it, unless told otherwise', async (t) => {
  const { path } = diskImage(t);
  const secrets = secretFiles(t)('alice', 'initiator alice a-long-secret-1');
  for (const [flags, code] of [
    [[], 0],
    [['--chap-discovery'], 7],
  ] as const) {
    await using target = await TargetProgram.start(path, '--chap-file', secrets, ...flags);
    const { portal } = target;
    assert.equal((await runCli(['iscsi', 'discover', portal])).code, code, flags.join(' '));
    const proven = await runCli(['iscsi', 'discover', portal, '--chap-file', secrets]);
    assert.match(proven.stdout, new RegExp(PROGRAM_TARGET_NAME));
  }
});

test('bad input gives one line and its exit code', async (t) => {
  const { path } = diskImage(t);
  await using target = await TargetProgram.start(path, '--read-only');
  const other = target.url.replace(PROGRAM_TARGET_NAME, 'iqn.2001-04.com.example:none');
  const closed = `iscsi://127.0.0.1:${await freePort()}/${PROGRAM_TARGET_NAME}/0`;
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['discover'], 2, /USAGE_SERVER_MISSING/],
    [['discover', 'a b'], 2, /<host\[:port\]>: .*USAGE_VALUE_INVALID/],
    [['inquiry'], 2, /USAGE_DISK_MISSING/],
    [['inquiry', '192.0.2.5'], 2, /<disk>: .*USAGE_VALUE_INVALID/],
    [['inquiry', other], 5, /ISCSI_TARGET_NOT_FOUND/],
    [['inquiry', closed], 1, /NETWORK_REFUSED/],
    [['inquiry', target.url, '--digests', 'some'], 2, /--digests: expected one of/],
    [['read', target.url.replace(/0$/, '7')], 5, /BOOT_LUN_NOT_FOUND.*The target has LUN 0/],
    [['read', target.url, '--offset', '1T'], 2, /USAGE_RANGE/],
    [['read', target.url, '--json'], 2, /USAGE_OUTPUT/],
    [['bench', target.url, '--write'], 1, /DEVICE_READ_ONLY/],
    [['bench', target.url, '--size', '1000'], 2, /USAGE_REQUEST_SIZE/],
    [['bench', target.url, '--depth', '0'], 2, /--depth/],
  ];
  for (const [args, code, says] of cases) {
    const ended = await runCli(['iscsi', ...args]);
    assert.match(ended.stderr, /^diskless: [^\n]+\n$/, args.join(' '));
    assert.match(ended.stderr, says);
    assert.equal(ended.code, code, ended.stderr);
    assert.equal(ended.stdout.replace(/^ +size.*\n/, ''), '');
  }
});

test('discover, inquiry and read, against tgtd', async (t) => {
  if (!requires(t, 'tgtd', 'tgtadm', root)) return;
  const { path, content } = diskImage(t);
  const portal = `127.0.0.1:${await freePort()}`;
  const targetName = 'iqn.2001-04.com.example:disk';
  const tgtd = await startTgtd({ portal, targetName, files: [path] });
  t.after(() => tgtd.kill());
  assert.equal(await output('iscsi', 'discover', portal), `${portal},1 ${targetName}\n`);
  const disk = `iscsi://${portal}/${targetName}/1`;
  const text = await output('iscsi', 'inquiry', disk);
  assert.match(text, /^vendor +IET$/m);
  assert.match(text, /^size +4 MiB /m);
  const controller = await output('iscsi', 'inquiry', disk.replace(/1$/, '0'));
  assert.match(controller, /^device type +12$/m);
  const out = join(temporaryDirectory(t), 'out.img');
  await output('iscsi', 'read', disk, '--out', out);
  assert.ok(readFileSync(out).equals(content));
  const { code, stderr } = await runCli(['iscsi', 'read', disk.replace(/1$/, '0'), '--out', out]);
  assert.equal(code, 1);
  assert.match(stderr, /BOOT_NOT_A_DISK/);
});
