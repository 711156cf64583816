import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../src/bytes/index.ts';
import { addressScope, multicastScopes, reachesAsker } from '../../src/slp/address-scope.ts';
import {
  directoryAgentGroup,
  formatAttributeList,
  formatManagementServiceUrl,
  formatTargetUrl,
  generalGroup,
  isOfType,
  listSatisfies,
  managementServiceAttributes,
  namingAuthorityOf,
  parseManagementServiceUrl,
  parsePredicate,
  parseTargetUrl,
  queryForProtocol,
  serviceTypeGroup,
  serviceTypeHash,
  serviceTypeOf,
  type TargetUrl,
  targetAttributes,
  withoutZone,
} from '../../src/slp/index.ts';

const name = 'iqn.2001-04.com.example:sn.45678';

describe('URLs of service:iscsi:target (RFC 4018 §5.2)', () => {
  for (const [url, parsed] of [
    [
      `service:iscsi:target://192.0.2.3:3260/${name}`,
      { server: { kind: 'ipv4', address: '192.0.2.3' }, port: 3260, targetName: name },
    ],
    [
      `service:iscsi:target://[2001:db8::5]:3261/${name}/identity1`,
      { server: { kind: 'ipv6', address: '2001:db8::5' }, port: 3261, targetName: name, identity: 'identity1' },
    ],
    [
      'service:iscsi:target://storage.example.com:860/eui.02004567a425678d',
      { server: { kind: 'name', name: 'storage.example.com' }, port: 860, targetName: 'eui.02004567a425678d' },
    ],
    [
      'service:iscsi:target://192.0.2.3:3260/iqn.2001-04.com.example:caf\\c3\\a9',
      { server: { kind: 'ipv4', address: '192.0.2.3' }, port: 3260, targetName: 'iqn.2001-04.com.example:café' },
    ],
  ] as readonly (readonly [string, TargetUrl])[]) {
    test(`${url} is read and written`, () => {
      assert.deepEqual(parseTargetUrl(url), parsed);
      assert.equal(formatTargetUrl(parsed), url);
    });
  }

  test('the port may be left out, and the type knows no case', () => {
    assert.equal(parseTargetUrl(`Service:iSCSI:Target://192.0.2.3/${name}`).port, 3260);
  });

  for (const wrong of [
    `service:iscsi:sms://192.0.2.3:3260/${name}`,
    'service:iscsi:target://192.0.2.3:3260',
    'service:iscsi:target://192.0.2.3:3260/',
    `service:iscsi:target://192.0.2.3:0/${name}`,
    `service:iscsi:target://192.0.2.3:70000/${name}`,
    `service:iscsi:target:///${name}`,
    `service:iscsi:target://2001:db8::5:3260/${name}`,
    `service:iscsi:target://u@h:3260/${name}`,
    `service:iscsi:target://192.0.2.3:3260/${name}/a/b`,
    'service:iscsi:target://192.0.2.3:3260/a_b',
    'service:iscsi:target://192.0.2.3:3260/a\\ff',
    'service:iscsi:target://192.0.2.3:3260/a\\4',
  ]) {
    test(`is none: ${wrong}`, () => {
      assert.throws(() => parseTargetUrl(wrong), { code: 'SLP_URL_INVALID' });
    });
  }

  test('arbitrary text is read, or refused by a protocol error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (rest) => {
        try {
          parseTargetUrl(`service:iscsi:target://${rest}`);
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error));
        }
      }),
    );
  });

  test('every attribute that the template requires is there, boot-list only where it says something', () => {
    const anybody = ['any'];
    const target = {
      targetName: name,
      portalGroupTag: 1,
      initiatorNames: anybody,
      initiatorAddresses: anybody,
      credentials: anybody,
    };
    assert.equal(
      formatAttributeList([...targetAttributes({ ...target, bootList: [] }).values()]),
      `(iscsi-name=${name}),(portal-group=1),(transports=tcp),(auth-name=any),(auth-addr=any),(auth-cred=any)`,
    );
    assert.ok(targetAttributes({ ...target, bootList: anybody }).has('boot-list'));
  });
});

test('service:iscsi:sms: URL, attributes and the query for iSNS (RFC 4018 §5.3)', () => {
  const url = 'service:iscsi:sms://192.0.2.9:3205';
  assert.deepEqual(parseManagementServiceUrl(url), { server: { kind: 'ipv4', address: '192.0.2.9' }, port: 3205 });
  assert.equal(formatManagementServiceUrl(parseManagementServiceUrl(url)), url);
  assert.throws(() => parseManagementServiceUrl('service:iscsi:sms://192.0.2.9'), { code: 'SLP_URL_INVALID' });
  const attributes = [
    ...managementServiceAttributes({ protocols: ['isns'], transports: ['tcp', 'udp'], serverPriority: 0 }).values(),
  ];
  assert.equal(formatAttributeList(attributes), '(protocols=isns),(transports=tcp,udp),(server-priority=0)');
  assert.ok(listSatisfies(attributes, parsePredicate(queryForProtocol('isns'))));
});

describe('service types (RFC 2608 §4.1)', () => {
  test('an abstract type stands for its concrete ones', () => {
    assert.ok(isOfType('service:iscsi:target', 'service:iscsi'));
    assert.ok(isOfType('service:iscsi:sms', 'SERVICE:ISCSI'));
    assert.ok(!isOfType('service:iscsi', 'service:iscsi:target'));
    assert.ok(!isOfType('service:iscsi:target', 'service:isc'));
    assert.ok(!isOfType('service:iscsi:target', 'service:iscsi:sms'));
  });

  test('are what a URL has before its address, and name their authority', () => {
    assert.equal(serviceTypeOf('service:printer:lpr://igore/draft'), 'service:printer:lpr');
    assert.equal(serviceTypeOf('http://www.srvloc.org'), 'http');
    assert.equal(namingAuthorityOf('service:x.one'), 'one');
    assert.equal(namingAuthorityOf('service:abstract.two:y'), 'two');
    assert.equal(namingAuthorityOf('service:iscsi:target'), '');
  });
});

describe('IPv6 (RFC 3111)', () => {
  test('groups follow from the hash of the service type (§4.1)', () => {
    assert.equal(serviceTypeHash('service:service-agent'), 0x1d8);
    assert.equal(serviceTypeGroup('service:service-agent', 5), 'ff05::1:11d8');
    assert.equal(serviceTypeGroup('service:iscsi:target', 2), 'ff02::1:13e7');
    assert.equal(serviceTypeGroup('service:iscsi:sms', 2), 'ff02::1:12f3');
    assert.equal(directoryAgentGroup(2), 'ff02::123');
    assert.equal(generalGroup(5), 'ff05::116');
  });

  test('nobody is told of services that it cannot reach (§4.2.3, figure 1)', () => {
    const urls = [
      'service:x://[fe80::1]',
      'service:x://[fec0::1]',
      'service:x://[2001:db8::1]:80/p',
      'service:x://host',
    ];
    const reached = (asker: string) => urls.map((url) => reachesAsker(url, asker));
    assert.deepEqual(reached('fe80::2%eth0'), [true, true, true, true]);
    assert.deepEqual(reached('fec0::2'), [false, true, true, true]);
    assert.deepEqual(reached('2001:db8::2'), [false, false, true, true]);
    assert.deepEqual(reached('192.0.2.2'), [false, false, true, true]);
    assert.equal(addressScope('::1'), 'link-local');
  });

  test('a message goes no further than its source address reaches, the narrowest scope first (§4.2.2)', () => {
    assert.deepEqual(multicastScopes('fe80::1%eth0'), [1, 2]);
    assert.deepEqual(multicastScopes('2001:db8::1'), [1, 2, 3, 4, 5]);
  });

  test('link-local agents are known by their address, whichever interface they are heard on', () => {
    assert.deepEqual(withoutZone({ address: 'fe80::1%eth0', port: 427 }), { address: 'fe80::1', port: 427 });
    assert.deepEqual(withoutZone({ address: '192.0.2.1', port: 427 }), { address: '192.0.2.1', port: 427 });
  });
});
