import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  crc32c,
  DisklessError,
  type Ipv4Address,
  ipv4BroadcastOf,
  ipv4FromNumber,
  ipv4InSubnet,
  ipv4Mask,
  ipv4Subnet,
  ipv4ToNumber,
  macFromBytes,
  macToBytes,
  ProtocolError,
  parseIpv4,
  parseMac,
  serialAdd,
  serialDistance,
  serialLess,
  serialLessOrEqual,
} from '../../src/bytes/index.ts';

describe('serial numbers (RFC 1982)', () => {
  test('wrap at 2^32', () => {
    assert.equal(serialAdd(0xffffffff, 1), 0);
    assert.equal(serialDistance(0xfffffffe, 3), 5);
    assert.equal(serialDistance(3, 0xfffffffe), -5);
    assert.ok(serialLess(0xffffffff, 0));
    assert.ok(!serialLess(0, 0xffffffff));
    assert.ok(serialLessOrEqual(7, 7));
  });
  test('adding less than 2^31 always goes forward', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.integer({ min: 1, max: 0x7fffffff }), (a, n) => {
        assert.ok(serialLess(a, serialAdd(a, n)));
        assert.equal(serialDistance(a, serialAdd(a, n)), n);
      }),
    );
  });
});

describe('CRC-32C', () => {
  test('gives the values of RFC 7143 Appendix A.4', () => {
    assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
    assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
    assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
    assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c);
  });
  test('is the same in one piece and in two', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (data, cut) => {
        assert.equal(crc32c(data.subarray(cut), crc32c(data.subarray(0, cut))), crc32c(data));
      }),
    );
  });
});

describe('addresses', () => {
  test('MAC addresses are read in the usual spellings and printed in one', () => {
    for (const text of ['52:54:00:AB:cd:0f', '52-54-00-ab-cd-0f', '525400abcd0f']) {
      assert.equal(parseMac(text), '52:54:00:ab:cd:0f');
    }
    assert.equal(macFromBytes(macToBytes(parseMac('525400abcd0f'))), '52:54:00:ab:cd:0f');
    for (const text of ['', '52:54:00:ab:cd', '52:54:00:ab:cd:0g', '52:54:00:ab:cd:0f:11']) {
      assert.throws(() => parseMac(text), { code: 'ADDRESS_MAC_INVALID' });
    }
  });
  test('IPv4 addresses are strict decimal', () => {
    assert.equal(ipv4ToNumber(parseIpv4('192.0.2.255')), 0xc00002ff);
    for (const text of ['192.0.2', '192.0.2.256', '192.0.2.01', '192.0.2.1 ', 'a.b.c.d', '']) {
      assert.throws(() => parseIpv4(text), { code: 'ADDRESS_IPV4_INVALID' });
    }
    fc.assert(fc.property(fc.nat(0xffffffff), (n) => assert.equal(ipv4ToNumber(ipv4FromNumber(n)), n)));
  });
  test('subnets', () => {
    const subnet = ipv4Subnet('192.0.2.77' as Ipv4Address, 26);
    assert.equal(subnet.network, '192.0.2.64');
    assert.equal(ipv4BroadcastOf(subnet), '192.0.2.127');
    assert.ok(ipv4InSubnet(parseIpv4('192.0.2.127'), subnet));
    assert.ok(!ipv4InSubnet(parseIpv4('192.0.2.128'), subnet));
    assert.equal(ipv4Mask(0), '0.0.0.0');
    assert.equal(ipv4Mask(32), '255.255.255.255');
  });
});

describe('errors', () => {
  test('a protocol error is a diskless error, not the other way round', () => {
    const error = new ProtocolError('SOME_CODE', 'what happened', { hint: 'do this' });
    assert.ok(error instanceof DisklessError);
    assert.ok(!(new DisklessError('SOME_CODE', 'what') instanceof ProtocolError));
    assert.ok(!((new Error('x') as unknown) instanceof DisklessError));
  });
});
