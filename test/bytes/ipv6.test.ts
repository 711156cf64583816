import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  type Ipv6Address,
  ipv6Bytes,
  ipv6FromBytes,
  ipv6FromNumber,
  ipv6InPrefix,
  ipv6Prefix,
  ipv6Scope,
  ipv6ToBytes,
  ipv6ToNumber,
  parseIpv6,
} from '../../src/bytes/index.ts';

const ip = (text: string) => text as Ipv6Address;

describe('IPv6 addresses', () => {
  test('are written in one way only (RFC 5952 §4, §5)', () => {
    const forms: Record<string, string> = {
      '2001:DB8:0:0:0:0:0:5': '2001:db8::5',
      '2001:0db8:0000:0001:0000:0000:0000:0001': '2001:db8:0:1::1',
      '2001:db8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
      '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
      '0:0:0:0:0:0:0:0': '::',
      '::1': '::1',
      'fe80::': 'fe80::',
      '::ffff:c000:0201': '::ffff:192.0.2.1',
      '64:ff9b::192.0.2.33': '64:ff9b::c000:221',
    };
    for (const [text, canonical] of Object.entries(forms)) assert.equal(parseIpv6(text), canonical);
  });

  test('of any other form are refused (RFC 4291 §2.2)', () => {
    const wrong = ['', ':', ':::', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '12345::', 'g::', 'fe80::1%eth0'];
    for (const text of [...wrong, '[::1]', '192.0.2.1', '1:2:3:4:5:6:7::8', '::192.0.2.256', '::1/64']) {
      assert.throws(() => parseIpv6(text), { code: 'ADDRESS_IPV6_INVALID' }, text);
    }
  });

  test('come back from text and from number as they were', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const address = ipv6FromBytes(bytes);
        assert.deepEqual(ipv6ToBytes(address), bytes);
        assert.equal(ipv6FromNumber(ipv6ToNumber(address)), address);
        assert.equal(parseIpv6(address), address);
      }),
    );
  });

  test('any text is an address or nothing', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f:.]{0,40}$/), (text) => {
        const bytes = ipv6Bytes(text);
        assert.ok(bytes === undefined || bytes.length === 16);
        assert.equal(bytes !== undefined, URL.canParse(`http://[${text}]/`));
      }),
    );
  });

  test('lie in prefixes', () => {
    const prefix = ipv6Prefix(ip('2001:db8::1:2:3'), 64);
    assert.deepEqual(prefix, { network: '2001:db8::', length: 64 });
    assert.ok(ipv6InPrefix(ip('2001:db8::ffff'), prefix));
    assert.ok(!ipv6InPrefix(ip('2001:db8:0:1::1'), prefix));
    assert.ok(ipv6InPrefix(ip('fe80::1'), { network: ip('::'), length: 0 }));
    assert.ok(!ipv6InPrefix(ip('2001:db8::2'), { network: ip('2001:db8::1'), length: 128 }));
  });

  test('tell how far they reach (RFC 4291 §2.4, RFC 4193)', () => {
    const scopes = ['::', '::1', 'ff02::1:2', 'fe80::1', 'febf::1', 'fd00::1', 'fc00::1', '2001:db8::1', 'fec0::1'];
    assert.deepEqual(
      scopes.map((address) => ipv6Scope(ip(address))),
      [
        ...['unspecified', 'loopback', 'multicast', 'link-local', 'link-local'],
        ...['unique-local', 'unique-local', 'global', 'global'],
      ],
    );
  });
});
