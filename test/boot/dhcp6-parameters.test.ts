/** Where a boot's parameters are found in what DHCPv6 servers say. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { ParameterName } from '../../src/boot/dhcp-parameters.ts';
import { parametersOfDhcp6, refuseUnusableDhcp6 } from '../../src/boot/dhcp6-parameters.ts';
import { DisklessError, parseIpv6, parseMac } from '../../src/bytes/index.ts';
import { type Dhcp6Lease, duidOfMac, MessageType, Option, OptionList } from '../../src/dhcp6/index.ts';
import { formatRootPath } from '../../src/iscsi/root-path.ts';

type Given = (list: OptionList) => unknown;

function lease(reply: Given, advertise?: Given): Dhcp6Lease {
  const message = (type: number, given: Given) => {
    const options = new OptionList();
    given(options);
    return { type, transactionId: 1, options };
  };
  return {
    addresses: [],
    serverIdentifier: duidOfMac(parseMac('02:00:00:00:00:01')),
    reply: message(MessageType.reply, reply),
    advertise: advertise && message(MessageType.advertise, advertise),
    ...{ reason: 'came first', renewAt: 1, rebindAt: 2, expiresAt: 3 },
  };
}

const server = '00030001020000000001';
const path = 'iscsi:[2001:db8::1]::::iqn.2001-04.com.example:disk';
const bad = 'iscsi:2001:db8::1::::iqn.2001-04.com.example:disk';
const url = (text: string) => (list: OptionList) => list.set(Option.bootFileUrl, text);
const nothing: Given = () => {};

function found(reply: Given, advertise?: Given) {
  const parameters = parametersOfDhcp6(lease(reply, advertise));
  return {
    rootPath: parameters.rootPath && [formatRootPath(parameters.rootPath.value), parameters.rootPath.origin],
    bootFileUrl: parameters.bootFileUrl?.value,
    unusable: parameters.unusable.map(({ parameter, origin, error }) => [parameter, origin, error.code]),
  };
}

function refused(given: Given, known: readonly ParameterName[] = []): string | undefined {
  try {
    refuseUnusableDhcp6(parametersOfDhcp6(lease(given)), known);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof DisklessError);
    return error.code;
  }
}

describe('option 59', () => {
  test('is the Root Path, of the Reply, else of the Advertise; without the prefix it is for other clients (RFC 5970 §5)', () => {
    const inReply = ['option 59 (boot file URL) of the Reply of', server].join(' ');
    assert.deepEqual(found(url(path), url('tftp://[2001:db8::1]/x')).rootPath, [path, inReply]);
    const advertised = found(nothing, url(path));
    assert.deepEqual(advertised.rootPath, [path, `option 59 (boot file URL) of the Advertise of ${server}`]);
    assert.equal(advertised.bootFileUrl, undefined);
    const other = found(url('tftp://[2001:db8::1]/x'));
    assert.deepEqual(other, { rootPath: undefined, bootFileUrl: 'tftp://[2001:db8::1]/x', unusable: [] });
    assert.deepEqual(found(nothing), { rootPath: undefined, bootFileUrl: undefined, unusable: [] });
  });

  test('that cannot be read is passed over where another message has the Root Path', () => {
    const { rootPath, unusable } = found(url(bad), url(path));
    assert.equal(rootPath?.[0], path);
    const inReply = `option 59 (boot file URL) of the Reply of ${server}`;
    assert.deepEqual(unusable, [['rootPath', inReply, 'ROOT_PATH_SERVER']]);
  });

  test('that cannot be read is an error where nobody else names the disk', () => {
    const notUtf8 = (text: string) => (list: OptionList) =>
      list.appendRaw(Option.bootFileUrl.code, Buffer.from(text, 'latin1'));
    for (const [given, code] of [
      [url(bad), 'ROOT_PATH_SERVER'],
      [notUtf8(`${path}\xff`), 'ROOT_PATH_ENCODING'],
    ] as const) {
      assert.equal(refused(given), code);
      assert.equal(refused(given, ['initiatorName']), code);
      assert.equal(refused(given, ['rootPath']), undefined);
    }
    const forOthers = notUtf8('tftp://[2001:db8::1]/\xff');
    assert.deepEqual(
      found(forOthers).unusable.map(([parameter]) => parameter),
      ['bootFileUrl'],
    );
    assert.equal(refused(forOthers), undefined, 'it names no disk');
  });
});

test('name servers and domains that cannot be read are passed over, and told of', () => {
  const cut: Given = (list) =>
    list
      .appendRaw(Option.domainNameServers.code, new Uint8Array(15))
      .appendRaw(Option.domainSearch.code, Uint8Array.of(9, 65));
  const good: Given = (list) => list.set(Option.domainNameServers, [parseIpv6('2001:db8::53')]);
  assert.deepEqual(found(cut).unusable, [
    ['domainNameServers', `option 23 (domain name servers) of the Reply of ${server}`, 'DHCP6_OPTION_INVALID'],
    ['domainSearch', `option 24 (domain search list) of the Reply of ${server}`, 'DHCP6_OPTION_INVALID'],
  ]);
  assert.equal(refused(cut), undefined);
  const advertised = parametersOfDhcp6(lease(cut, good));
  assert.deepEqual(advertised.domainNameServers?.value, ['2001:db8::53']);
});

test('any options raise nothing but errors of this project', () => {
  const codes = fc.constantFrom(23, 24, 59, 60);
  const values = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.string({ maxLength: 40 }).map((text) => Buffer.from(`iscsi:${text}`)),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(codes, values), { maxLength: 6 }), (entries) => {
      refused((list) => {
        for (const [code, value] of entries) list.appendRaw(code, value);
      });
    }),
  );
});
