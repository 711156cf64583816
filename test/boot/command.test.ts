/** `diskless boot` as far as no network is needed. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const targetName = 'iqn.2001-04.com.example:disk';

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  // Settings of the shell that runs the tests must not reach the program.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DISKLESS_')));
  return spawnSync(process.execPath, [program, 'boot', ...args], { encoding: 'utf8', env });
}

test('--dry-run says which stages there would be, and why', () => {
  const { status, stdout } = run('--dry-run', '--json', '--root-path', `iscsi:127.0.0.1::::${targetName}`);
  assert.equal(status, 0);
  const { plan } = JSON.parse(stdout) as { plan: { stage: string; necessary: boolean; reason: string }[] };
  assert.deepEqual(
    plan.map(({ stage, necessary }) => [stage, necessary]),
    [
      ['software', false],
      ['dhcp', false],
      ['discovery', false],
      ['boot', true],
    ],
  );
  assert.ok(plan.every(({ reason }) => reason.length > 0));
  const lines = run('--dry-run', '--server-name', '127.0.0.1').stdout.trimEnd().split('\n');
  assert.match(lines[2] ?? '', /^discovery > the server 127\.0\.0\.1 is known and the target is not$/);
});

const misuses: readonly (readonly [string, readonly string[], RegExp])[] = [
  [
    'a Root Path with a field missing',
    ['--root-path', `iscsi:h:::${targetName}`],
    /--root-path.*fewer than five fields/,
  ],
  ['a Root Path of another protocol', ['--root-path', 'nfs:/srv'], /does not start with "iscsi:"/],
  [
    'a second Root Path that names no server',
    ['--second-root-path', `iscsi:::::${targetName}`],
    /--second-root-path.*names no server/,
  ],
  ['a decimal-looking LUN with five digits', ['--lun', '00001'], /--lun.*hexadecimal/],
  ['a server name that is none', ['--server-name', 'a_b'], /--server-name/],
  ['a port beyond the end', ['--port', '65536'], /--port.*1 to 65535/],
  ['a target name that is none', ['--target', 'disk'], /--target.*iqn\./],
  ['a DHCP that does not exist', ['--dhcp', 'v9'], /expected one of v4, /],
  ['--read without --out', ['--read', '1M'], /belong together/],
  ['--nbd with --attach', ['--nbd', '/run/disk.sock', '--attach'], /--nbd and --attach.*USAGE_HAND_OVER/],
  ['an NBD port beyond the end', ['--nbd', 'localhost:65536'], /--nbd.*no port 65536/],
  ['--out without --read', ['--out', 'file'], /belong together/],
  ['no time at all', ['--timeout', '0'], /--timeout/],
  ['arguments of QEMU without --vm', ['--', '-m', '4G'], /--vm -- -m 4G/],
  ['--vm beside --nbd', ['--vm', '--nbd', '/run/disk.sock'], /--nbd and --vm/],
  ['an option that does not exist', ['--slp'], /unknown option/],
];

for (const [what, args, message] of misuses) {
  test(`${what} is a usage error`, () => {
    const { status, stdout, stderr } = run(...args);
    assert.equal(status, 2, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, message);
  });
}

test('--secure refuses before anything is sent, with the row that it enforces and exit code 7', () => {
  const secure = run('--secure', '--root-path', `iscsi:127.0.0.1::1::${targetName}`);
  assert.equal(secure.status, 7, secure.stderr);
  assert.match(secure.stderr, /no CHAP secret is given \(RFC 4173 §8, row 66\) \(BOOT_SECURE_CHAP\)/);
  assert.equal(run('--dry-run', '--secure', '--server-name', '127.0.0.1').status, 7);
});

test('where nothing listens, the boot ends at once with one line on stderr and the trace on stdout', () => {
  // Port 1 is tcpmux, which nobody runs.
  const { status, stdout, stderr } = run('--root-path', `iscsi:127.0.0.1::1::${targetName}`);
  assert.equal(status, 1);
  assert.match(stderr, /^diskless: cannot connect to 127\.0\.0\.1 port 1: ECONNREFUSED \(NETWORK_REFUSED\)\..*\n$/);
  assert.match(stdout, /boot +!.*NETWORK_REFUSED/);
});
