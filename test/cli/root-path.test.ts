/** `diskless root-path` as a user runs it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCli } from './run-cli.ts';

const target = 'iqn.2001-04.com.example:disk';

test('parse says what each field means, and which were blank', async () => {
  const { code, stdout } = await runCli(['root-path', 'parse', `ISCSI:192.0.2.5::3261::${target}`]);
  assert.equal(code, 0);
  assert.equal(
    stdout,
    [
      'server     192.0.2.5 (ipv4)',
      'protocol   6 (TCP, blank)',
      'port       3261',
      'LUN        0 (0000000000000000, blank)',
      `target     ${target}`,
      `canonical  iscsi:192.0.2.5::3261::${target}`,
      '',
    ].join('\n'),
  );
  const json = await runCli(['root-path', 'parse', '--json', `iscsi::::4186-9:${target}`]);
  assert.deepEqual(JSON.parse(json.stdout), {
    protocol: 6,
    port: 3260,
    lun: '4186-9',
    lunBytes: '4186000900000000',
    targetName: target,
    blank: ['server', 'protocol', 'port'],
    canonical: `iscsi::::4186-9:${target}`,
  });
});

test('parse refuses in one line what is no Root Path', async () => {
  for (const [text, error] of [
    ['nfs:/srv', 'ROOT_PATH_PREFIX'],
    [`iscsi:192.0.2.5:${target}`, 'ROOT_PATH_FIELDS'],
    [`iscsi:192.0.2.5:17:::${target}`, 'ROOT_PATH_PROTOCOL'],
  ] as const) {
    const { code, stdout, stderr } = await runCli(['root-path', 'parse', text]);
    assert.equal(code, 9, text);
    assert.equal(stdout, '');
    assert.match(stderr, /^diskless: [^\n]+\n$/);
    assert.ok(stderr.includes(`(${error})`), stderr);
  }
});

test('format writes what parse reads', async () => {
  const fields = ['--server-name', '[2001:DB8::5]', '--port', '3261', '--lun', '1', '--target', target];
  const { code, stdout } = await runCli(['root-path', 'format', ...fields]);
  assert.equal(code, 0);
  assert.equal(stdout, `iscsi:[2001:db8::5]::3261:1:${target}\n`);
  const bare = await runCli(['root-path', 'format', '--target', target]);
  assert.equal(bare.stdout, `iscsi:::::${target}\n`);
  const missing = await runCli(['root-path', 'format', '--port', '3260']);
  assert.equal(missing.code, 2);
  assert.ok(missing.stderr.includes('(USAGE_TARGET_MISSING)'));
});
