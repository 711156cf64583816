/** Where machines are told that HTTP is. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseIpv4, parseIpv6, parseMac } from '../../src/bytes/index.ts';
import { planInterfaces } from '../../src/server/interface-plan.ts';
import type { HttpEndpoint } from '../../src/server/options.ts';
import { placesOf } from '../../src/server/parts.ts';
import { wantedOfInterfaces } from '../support/wanted-of-interfaces.ts';

const served = {
  ...{ name: 'br0', mac: parseMac('52:54:00:00:00:01'), up: true },
  ipv4: [{ address: parseIpv4('192.0.2.1'), prefix: 24 }],
  ipv6: [{ address: parseIpv6('fd00:77::1'), prefix: 64, state: 'preferred' }],
} as const;
const ipv6 = { prefixes: [], pools: [], relayedPrefixes: [], reservations: [], dns: [], rapidCommit: false };

describe('machines are told that HTTP is at', () => {
  const table: readonly (readonly [title: string, address: HttpEndpoint['address'], told: readonly string[]])[] = [
    ['the addresses of the interface', undefined, ['192.0.2.1:80', '[fd00:77::1]:80']],
    ['the IPv4 address that was given', parseIpv4('198.51.100.1'), ['198.51.100.1:80', '[fd00:77::1]:80']],
    ['the IPv6 address that was given', parseIpv6('2001:db8::1'), ['192.0.2.1:80', '[2001:db8::1]:80']],
    [
      'the addresses of the interface where it is at all of IPv4',
      parseIpv4('0.0.0.0'),
      ['192.0.2.1:80', '[fd00:77::1]:80'],
    ],
    ['the addresses of the interface where it is at all of IPv6', parseIpv6('::'), ['192.0.2.1:80', '[fd00:77::1]:80']],
  ];
  for (const [title, address, told] of table) {
    test(title, () => {
      const [plan] = planInterfaces([served], { ...wantedOfInterfaces, ipv6, interfaces: ['br0'] });
      assert.ok(plan);
      const http = { port: 80, ...(address === undefined ? {} : { address }) };
      const places = placesOf({ http, iscsiPort: 3260, tftpPort: 69 }, plan);
      assert.deepEqual(
        places.map((place) => place.http),
        told,
      );
    });
  }
});
