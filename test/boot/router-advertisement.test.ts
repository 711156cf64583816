/** What a router advertisement says (RFC 4861 §4.2, RFC 4191 §2.3, RFC 8106 §5.1). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { readRouterAdvertisement } from '../../src/boot/router-advertisement.ts';
import { parseIpv6 } from '../../src/bytes/index.ts';
import type { HeardIcmpv6 } from '../../src/os/icmpv6-socket.ts';

const header = '86000000 4000 0708 00000000 00000000';
const prefix = '03 04 40 c0 00000e10 00000e10 00000000 20010db8000000000000000000000000';
const notOnLink = '03 04 40 40 00000e10 00000e10 00000000 20010db8000100000000000000000000';
const tooLong = '03 04 81 c0 00000e10 00000e10 00000000 20010db8000000000000000000000000';
const short = '03 02 40 c0 00000e10 00000e10 00000000';
const everywhere = '18 01 00 08 00000708';
const half = '18 02 30 00 00000384 20010db800020000';
const whole = '18 03 80 00 ffffffff 20010db8000300000000000000000007';
const cutRoute = '18 02 41 00 00000384 20010db800020000';
const one = '19 03 0000 00000708 20010db8000000000000000000000053';
const two = '19 05 0000 00000e10 20010db8000000000000000000000054 fe800000000000000000000000000055';

function heard(...parts: string[]): HeardIcmpv6 {
  const message = new Uint8Array(Buffer.from(parts.join('').replaceAll(' ', ''), 'hex'));
  return { message, source: parseIpv6('fe80::1'), hopLimit: 255 };
}

const network = (text: string, length: number) => ({ network: parseIpv6(text), length });

describe('a router advertisement', () => {
  test('says what is on the link, where the router leads, and which name servers there are', () => {
    const options = [one, prefix, half, notOnLink, everywhere, two, whole];
    assert.deepEqual(readRouterAdvertisement(heard(header, ...options)), {
      router: 'fe80::1',
      lifetime: 1800,
      onLink: [{ value: network('2001:db8::', 64), lifetime: 3600 }],
      routes: [
        { value: network('2001:db8:2::', 48), lifetime: 900 },
        { value: network('::', 0), lifetime: 1800 },
        { value: network('2001:db8:3::7', 128), lifetime: 0xffff_ffff },
      ],
      nameServers: [
        { value: '2001:db8::53', lifetime: 1800 },
        { value: '2001:db8::54', lifetime: 3600 },
        { value: 'fe80::55', lifetime: 3600 },
      ],
    });
    const nothing = { onLink: [], routes: [], nameServers: [] };
    const bare = readRouterAdvertisement(heard('86000000 4000 0000 00000000 00000000', short, tooLong, cutRoute));
    assert.deepEqual(bare, { router: 'fe80::1', lifetime: 0, ...nothing });
  });

  test('is none when it is not valid (RFC 4861 §6.1.2, §4.6)', () => {
    const whole = heard(header, one);
    for (const odd of [
      { ...whole, hopLimit: 254 },
      { ...whole, source: parseIpv6('2001:db8::1') },
      { ...whole, message: Uint8Array.from(whole.message, (byte, at) => (at === 1 ? 1 : byte)) },
      { ...whole, message: Uint8Array.from(whole.message, (byte, at) => (at === 0 ? 133 : byte)) },
      { ...whole, message: whole.message.subarray(0, 12) },
      { ...whole, message: whole.message.subarray(0, -1) },
      heard(header, one, '00 00 0000 00000000'),
    ]) {
      assert.equal(readRouterAdvertisement(odd), undefined);
    }
  });

  test('is read from arbitrary bytes without an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (rest) => {
        const { message } = heard(header);
        readRouterAdvertisement({ ...heard(), message: new Uint8Array([...message, ...rest]) });
      }),
    );
  });
});
