/** Every setting of `diskless target`, from each of the places where it can stand. */

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { configure } from '../../src/cli/configuration.ts';
import { readSettings } from '../../src/cli/reading-settings.ts';
import { environmentName, flagName } from '../../src/cli/setting.ts';
import { targetSettings } from '../../src/cli/target-settings.ts';
import { runCli } from './run-cli.ts';

type Name = keyof typeof targetSettings;

/** A value other than the default for each setting, as text, and what it means. */
const values: Record<Name, { readonly text: string; readonly value: unknown }> = {
  file: { text: 'disk.img', value: 'disk.img' },
  name: { text: 'iqn.2001-04.com.example:one', value: 'iqn.2001-04.com.example:one' },
  listen: { text: '[2001:DB8::1]:3261', value: { address: '2001:db8::1', port: 3261 } },
  lun: {
    text: '1=a,b.img,2=c=d.img',
    value: [
      [1, 'a,b.img'],
      [2, 'c=d.img'],
    ],
  },
  blockSize: { text: '4096', value: 4096 },
  physicalBlockSize: { text: '8192', value: 8192 },
  thin: { text: 'off', value: false },
  removable: { text: 'yes', value: true },
  readOnly: { text: 'true', value: true },
  initiator: {
    text: 'iqn.2001-04.com.example:a,iqn.2001-04.com.example:b',
    value: ['iqn.2001-04.com.example:a', 'iqn.2001-04.com.example:b'],
  },
  network: {
    text: '192.0.2.0/24',
    value: configure(targetSettings, { flags: { network: ['192.0.2.0/24'] }, environment: {} }).network,
  },
  chapFile: { text: '/etc/secrets', value: '/etc/secrets' },
  chapDiscovery: { text: 'on', value: true },
  managementUrl: {
    text: 'https://192.0.2.1/disks,https://[2001:db8::1]/',
    value: ['https://192.0.2.1/disks', 'https://[2001:db8::1]/'],
  },
  json: { text: 'on', value: true },
};
const names = Object.keys(targetSettings) as Name[];

describe('the settings of diskless target', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'diskless-target-settings-'));
  });
  after(() => rm(directory, { recursive: true }));

  test('each can stand in the environment', async () => {
    for (const name of names) {
      const environment = { [environmentName(name, 'DISKLESS_TARGET')]: values[name].text };
      const settings = await readSettings(targetSettings, {}, { prefix: 'DISKLESS_TARGET', environment });
      assert.deepEqual(settings[name], values[name].value, name);
    }
  });

  test('each can stand in the config file', async () => {
    const config = join(directory, 'target.yaml');
    for (const name of names) {
      await writeFile(config, `${name}: ${JSON.stringify(values[name].text)}\n`);
      const settings = await readSettings(targetSettings, { config }, { environment: {} });
      assert.deepEqual(settings[name], values[name].value, name);
    }
    await writeFile(config, 'lun:\n  - 3=with, comma.img\nthin: false\n');
    const settings = await readSettings(
      targetSettings,
      {},
      { prefix: 'DISKLESS_TARGET', environment: { DISKLESS_TARGET_CONFIG: config } },
    );
    assert.deepEqual(settings.lun, [[3, 'with, comma.img']]);
    assert.equal(settings.thin, false);
  });

  test('--help and the flags have each of them', async () => {
    const { stdout } = await runCli(['target', '--help']);
    for (const name of names.filter((one) => one !== 'file')) {
      assert.ok(stdout.includes(flagName(name)), name);
      assert.ok(stdout.replaceAll(/\s+/g, ' ').includes(`[${environmentName(name, 'DISKLESS_TARGET')}]`), name);
    }
    assert.ok(stdout.includes('--no-thin'));
  });

  test('a flag that is wrong gives one line that names it', async () => {
    const image = join(directory, 'disk.img');
    await writeFile(image, new Uint8Array(4096));
    const cases: readonly (readonly [readonly string[], string, RegExp])[] = [
      [[], 'USAGE_FILE_MISSING', /diskless target disk\.img/],
      [[image, '--lun', 'x'], 'USAGE_VALUE_INVALID', /--lun: "x"/],
      [[image, '--lun', '1=a', '--lun', '1=b'], 'USAGE_LUN_INVALID', /LUN 1 is given twice/],
      [[image, '--physical-block-size', '1000'], 'USAGE_VALUE_INVALID', /--physical-block-size/],
      [[image, '--management-url', '192.0.2.1'], 'USAGE_VALUE_INVALID', /--management-url/],
      [
        [image, '--block-size', '4096', '--physical-block-size', '512'],
        'USAGE_BLOCK_SIZE_INVALID',
        /512 bytes cannot hold a logical one of 4096/,
      ],
      [[image, '--chap-discovery'], 'USAGE_CHAP_FILE_MISSING', /--chap-file FILE/],
      [[image, '--listen', '192.0.2.1:99999'], 'USAGE_VALUE_INVALID', /--listen/],
      [[image, '--network', '192.0.2.0/40'], 'USAGE_VALUE_INVALID', /--network/],
      [[image, '--initiator', 'me'], 'USAGE_VALUE_INVALID', /--initiator/],
    ];
    for (const [args, code, says] of cases) {
      const ended = await runCli(['target', ...args]);
      assert.match(ended.stderr, /^diskless: [^\n]+\n$/, args.join(' '));
      assert.ok(ended.stderr.includes(`(${code})`), ended.stderr);
      assert.match(ended.stderr, says);
      assert.equal(ended.code, 2, ended.stderr);
      assert.equal(ended.stdout, '');
    }
    assert.equal((await readFile(image)).length, 4096);
  });
});
