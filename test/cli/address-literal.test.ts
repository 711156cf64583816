/** Addresses and endpoints of both families, as flags take them. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseAddressLiteral, parseEndpoint } from '../../src/cli/address-literal.ts';
import { bootSettings } from '../../src/cli/boot-settings.ts';
import { serveSettings } from '../../src/cli/serve-settings.ts';
import { targetSettings } from '../../src/cli/target-settings.ts';

describe('an address as a flag takes it', () => {
  for (const [text, address] of [
    ['192.0.2.5', '192.0.2.5'],
    ['2001:DB8:0::5', '2001:db8::5'],
    ['[2001:db8::5]', '2001:db8::5'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
    ['[FE80::0:1%br-lan.7]', 'fe80::1%br-lan.7'],
  ] as const) {
    test(`is ${address} for ${text}`, () => assert.equal(parseAddressLiteral(text), address));
  }

  for (const text of [
    '2001:db8::5%eth0',
    'fe80::1%',
    'fe80::1%a b',
    '192.0.2.5%eth0',
    '[192.0.2.5]',
    '[2001:db8::5',
    '::g',
    '',
  ]) {
    test(`is not "${text}"`, () => assert.throws(() => parseAddressLiteral(text), { code: 'USAGE_VALUE_INVALID' }));
  }
});

describe('an address with a port as a flag takes it', () => {
  for (const [text, address, port] of [
    ['192.0.2.5:80', '192.0.2.5', 80],
    ['[2001:DB8::5]:80', '2001:db8::5', 80],
    ['[fe80::1%eth0]:80', 'fe80::1%eth0', 80],
    ['[::]', '::', 3260],
    ['192.0.2.5', '192.0.2.5', 3260],
  ] as const) {
    test(`is ${address} and ${port} for ${text}`, () => assert.deepEqual(parseEndpoint(text, 3260), { address, port }));
  }

  // Without brackets nobody knows where the address ends.
  for (const text of [
    '2001:db8::5:80',
    '[2001:db8::5]80',
    '[2001:db8::5]:',
    '[2001:db8::5]:65536',
    ':80',
    'boot.example:80',
  ]) {
    test(`is not "${text}"`, () => assert.equal(parseEndpoint(text, 3260), undefined));
  }
});

describe('flags that take an address take one of IPv6', () => {
  test('--http of serve, but for one that no URL can name', () => {
    const parse = (text: string) => serveSettings.http.schema.parse(text);
    assert.deepEqual(parse('[2001:db8::1]:8081'), { address: '2001:db8::1', port: 8081 });
    assert.deepEqual(parse('[::]:8081'), { address: '::', port: 8081 });
    assert.deepEqual(parse('192.0.2.1:8081'), { address: '192.0.2.1', port: 8081 });
    assert.deepEqual(parse(':8081'), { port: 8081 });
    assert.deepEqual(parse('8081'), { port: 8081 });
    for (const text of ['[fe80::1%eth0]:8081', '2001:db8::1:8081', '[2001:db8::1]', '192.0.2.1']) {
      assert.equal(serveSettings.http.schema.safeParse(text).success, false, text);
    }
  });

  test('--slp-agent and --isns-server of serve', () => {
    assert.deepEqual(serveSettings.slpAgent.schema.parse(['[2001:db8::427]', '192.0.2.7']), [
      { family: 'ipv6', value: '2001:db8::427' },
      { family: 'ipv4', value: '192.0.2.7' },
    ]);
    assert.equal(serveSettings.isnsServer.schema.parse('[2001:db8::3205]'), '2001:db8::3205');
    assert.equal(serveSettings.isnsServer.schema.parse('fe80::5%eth0'), 'fe80::5%eth0');
  });

  test('--slp-agent and --isns-server of boot', () => {
    assert.deepEqual(bootSettings.slpAgent.schema.parse(['[fe80::427%eth0]']), ['fe80::427%eth0']);
    assert.deepEqual(bootSettings.isnsServer.schema.parse(['[fe80::5%eth0]:3206', 'isns.example', '[2001:db8::5]']), [
      { host: 'fe80::5%eth0', port: 3206 },
      { host: 'isns.example', port: 3205 },
      { host: '2001:db8::5', port: 3205 },
    ]);
  });

  test('--listen of target', () => {
    assert.deepEqual(targetSettings.listen.schema.parse('[fe80::1%eth0]'), { address: 'fe80::1%eth0', port: 3260 });
  });
});
