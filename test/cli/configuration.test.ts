import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { readConfigFile } from '../../src/cli/config-file.ts';
import { configure } from '../../src/cli/configuration.ts';
import { ipv4Of, ipv6Of } from '../../src/cli/network-values.ts';
import { serveSettings } from '../../src/cli/serve-settings.ts';
import { environmentName, flagName } from '../../src/cli/setting.ts';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';

describe('settings of serve', () => {
  let directory = '';
  let path = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'diskless-config-'));
    path = join(directory, 'config.yaml');
  });
  afterEach(() => rm(directory, { recursive: true }));

  async function file(...lines: string[]) {
    await writeFile(path, `${lines.join('\n')}\n`);
    return readConfigFile(nodeFileSystem, path, Object.keys(serveSettings));
  }

  async function refused(promise: Promise<unknown> | (() => unknown), code: string, message: string): Promise<void> {
    const failing = typeof promise === 'function' ? (async () => promise())() : promise;
    await assert.rejects(failing, (error: Error & { code: string }) => {
      assert.equal(error.code, code);
      assert.ok(error.message.includes(message), error.message);
      return true;
    });
  }

  test('how long an address is tried out is said in milliseconds, or off', () => {
    const probe = (flags: Record<string, unknown>) => configure(serveSettings, { flags, environment: {} }).dhcpProbe;
    assert.deepEqual([probe({}), probe({ dhcpProbe: '100' }), probe({ dhcpProbe: '40ms' })], [250, 100, 40]);
    assert.equal(probe({ dhcpProbe: 'off' }), undefined);
  });

  test('a flag wins over the environment, that over the file, that over the default', async () => {
    const from = await file('dhcp: proxy', 'tftpPort: 1069', 'iscsiPort: 13260', 'leaseTime: 1h');
    const environment = { DISKLESS_DHCP: 'off', DISKLESS_TFTP_PORT: '2069' };
    const settings = configure(serveSettings, { flags: { dhcp: 'full' }, environment, file: from });
    assert.equal(settings.dhcp, 'full');
    assert.equal(settings.tftpPort, 2069);
    assert.equal(settings.iscsiPort, 13260);
    assert.equal(settings.leaseTime, 3600);
    assert.equal(settings.targetPrefix, 'iqn.2026-11.internal.diskless');
  });

  test('without anything there are the defaults', () => {
    const settings = configure(serveSettings, { flags: {}, environment: {} });
    assert.deepEqual([settings.dhcp, settings.tftpPort, settings.iscsiPort], ['auto', 69, 3260]);
    assert.deepEqual([settings.interface, settings.pool, settings.dns], [[], [], []]);
    assert.equal(settings.image, undefined);
  });

  test('lists come as a YAML sequence, with commas, or as repeated flags', async () => {
    const expected = ['br0', 'br1'];
    const sequence = await file('interface: [br0, br1]');
    assert.deepEqual(configure(serveSettings, { flags: {}, environment: {}, file: sequence }).interface, expected);
    const environment = { DISKLESS_INTERFACE: 'br0, br1' };
    assert.deepEqual(configure(serveSettings, { flags: {}, environment }).interface, expected);
    assert.deepEqual(configure(serveSettings, { flags: { interface: expected }, environment: {} }).interface, expected);
  });

  test('values are converted to what the server takes', () => {
    const flags = { pool: ['192.0.2.10-192.0.2.20'], http: '192.0.2.1:8081', cache: '512M', json: true };
    const settings = configure(serveSettings, { flags, environment: {} });
    assert.deepEqual(settings.pool, [{ family: 'ipv4', value: { first: '192.0.2.10', last: '192.0.2.20' } }]);
    assert.deepEqual(settings.http, { address: '192.0.2.1', port: 8081 });
    assert.equal(settings.cache, 512 * 2 ** 20);
    assert.equal(settings.json, true);
    assert.deepEqual(configure(serveSettings, { flags: { http: '80' }, environment: {} }).http, { port: 80 });
  });

  test('networks behind relay agents, reservations and domains are read', () => {
    const flags = {
      relayedSubnet: ['198.51.100.1/24', '203.0.113.0/25'],
      reserve: ['52-54-00-12-34-56=192.0.2.9', 'ID:00ab=192.0.2.8'],
      searchDomain: ['lab.example.com.', 'example.com'],
    };
    const settings = configure(serveSettings, { flags, environment: {} });
    assert.deepEqual(ipv4Of(settings.relayedSubnet), [
      { subnet: { network: '198.51.100.0', prefix: 24 }, router: '198.51.100.1' },
      { subnet: { network: '203.0.113.0', prefix: 25 }, router: undefined },
    ]);
    assert.deepEqual(ipv4Of(settings.reserve), [
      { client: '52:54:00:12:34:56', address: '192.0.2.9' },
      { client: 'id:00ab', address: '192.0.2.8' },
    ]);
    assert.deepEqual(settings.searchDomain, ['lab.example.com', 'example.com']);
  });

  test('addresses of IPv6 go under the same names', () => {
    const flags = {
      pool: ['fd00:77::100-FD00:77::1ff', '192.0.2.10-192.0.2.20'],
      relayedSubnet: ['fd00:2::1/64', 'fd00:3::/56'],
      reserve: [
        '52-54-00-12-34-56=fd00:77::9',
        'DUID:0004AB=fd00:77::8',
        `uuid:${'0'.repeat(8)}-0000-0000-0000-${'a'.repeat(12)}=fd00:77::7`,
      ],
      dns: ['fd00:77::53', '192.0.2.53'],
      ipv6Prefix: ['fd00:77::1/64'],
    };
    const settings = configure(serveSettings, { flags, environment: {} });
    assert.deepEqual(ipv6Of(settings.pool), [{ first: 'fd00:77::100', last: 'fd00:77::1ff' }]);
    assert.deepEqual(ipv6Of(settings.relayedSubnet), [
      { prefix: { network: 'fd00:2::', length: 64 }, router: 'fd00:2::1' },
      { prefix: { network: 'fd00:3::', length: 56 }, router: undefined },
    ]);
    assert.deepEqual(ipv6Of(settings.reserve), [
      { client: '52:54:00:12:34:56', address: 'fd00:77::9' },
      { client: 'duid:0004ab', address: 'fd00:77::8' },
      { client: 'uuid:00000000-0000-0000-0000-aaaaaaaaaaaa', address: 'fd00:77::7' },
    ]);
    assert.deepEqual(ipv6Of(settings.dns), ['fd00:77::53']);
    assert.deepEqual(ipv4Of(settings.dns), ['192.0.2.53']);
    assert.deepEqual(settings.ipv6Prefix, [{ network: 'fd00:77::', length: 64 }]);
  });

  const badValues: [string, string][] = [
    ['relayedSubnet', 'fd00::1/127'],
    ['reserve', 'id:00ab=fd00::9'],
    ['reserve', 'duid:00ab=192.0.2.9'],
    ['pool', 'fd00::1-192.0.2.9'],
    ['ipv6Prefix', '192.0.2.0/24'],
    ['ipv6Prefix', 'fd00::'],
    ['relayedSubnet', '198.51.100.1'],
    ['relayedSubnet', '198.51.100.1/31'],
    ['reserve', '192.0.2.9'],
    ['reserve', 'uuid:1234=192.0.2.9'],
    ['domain', 'not a name'],
    ['dhcp', 'sometimes'],
    ['tftpPort', '0'],
    ['tftpPort', '70000'],
    ['tftpPort', '69x'],
    ['pool', '192.0.2.10'],
    ['pool', '192.0.2.10-192.0.2.300'],
    ['router', 'gateway'],
    ['leaseTime', '10s'],
    ['leaseTime', 'long'],
    ['dhcpProbe', '5'],
    ['dhcpProbe', 'on'],
    ['http', 'localhost:80'],
    ['cache', '12 parsecs'],
    ['targetPrefix', 'iqn.2026-13.x'],
    ['targetPrefix', 'IQN.2026-11.x'],
    ['json', 'maybe'],
  ];
  for (const [name, value] of badValues) {
    test(`${flagName(name)} ${value} is refused`, async () => {
      await refused(
        () => configure(serveSettings, { flags: { [name]: value }, environment: {} }),
        'USAGE_VALUE_INVALID',
        flagName(name),
      );
    });
  }

  test('a bad variable is named', async () => {
    const environment = { DISKLESS_LEASE_TIME: 'x' };
    await refused(
      () => configure(serveSettings, { flags: {}, environment }),
      'CONFIG_VALUE_INVALID',
      'DISKLESS_LEASE_TIME',
    );
  });

  test('a bad value in the file is named with line and column', async () => {
    const bad = await file('# the lab', 'interface: br0', 'dhcp:   sometimes');
    await refused(
      () => configure(serveSettings, { flags: {}, environment: {}, file: bad }),
      'CONFIG_VALUE_INVALID',
      `${path}:3:9: dhcp: expected one of auto, full, proxy, off`,
    );
  });

  test('an unknown setting in the file is named with line and column', async () => {
    await refused(
      file('interface: br0', 'dchp: full'),
      'CONFIG_SETTING_UNKNOWN',
      `${path}:2:1: there is no setting "dchp"`,
    );
  });

  test('broken YAML is named with line and column', async () => {
    await refused(file('interface: [br0'), 'CONFIG_SYNTAX', `${path}:`);
    await refused(file('- br0'), 'CONFIG_SYNTAX', `${path}:1:1`);
  });

  test('a setting given twice in the file is refused', async () => {
    await refused(file('dhcp: full', 'dhcp: off'), 'CONFIG_SYNTAX', `${path}:2`);
  });

  test('an empty file is a file of defaults', async () => {
    const empty = await file('');
    assert.equal(configure(serveSettings, { flags: {}, environment: {}, file: empty }).dhcp, 'auto');
  });

  test('a missing file is named', async () => {
    const missing = join(directory, 'missing.yaml');
    await refused(readConfigFile(nodeFileSystem, missing, []), 'CONFIG_NOT_READABLE', missing);
  });

  test('names of flags and variables follow from the setting’s', () => {
    assert.equal(flagName('targetPrefix'), '--target-prefix');
    assert.equal(environmentName('targetPrefix'), 'DISKLESS_TARGET_PREFIX');
  });
});
