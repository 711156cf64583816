/** What the doctor makes of several advertisements. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routersIn } from '../../../src/boot/doctor/seen-routers.ts';
import type { RouterAdvertisement } from '../../../src/boot/router-advertisement.ts';
import { parseIpv6 } from '../../../src/bytes/index.ts';

const [first, second] = [parseIpv6('fe80::1'), parseIpv6('fe80::2')];
const prefix = (network: string, length: number) => ({ network: parseIpv6(network), length });

function said(router: typeof first, fields: Partial<RouterAdvertisement>): RouterAdvertisement {
  return { router, lifetime: 0, onLink: [], routes: [], nameServers: [], ...fields };
}

test('of each router what it says last of each prefix counts, and a lifetime of 0 takes it back (RFC 4861 §6.3.4)', () => {
  const [one, two, three] = [prefix('2001:db8:1::', 64), prefix('2001:db8:2::', 64), prefix('2001:db8:3::', 48)];
  const [gone, stays] = [parseIpv6('2001:db8::53'), parseIpv6('2001:db8::54')];
  const routers = routersIn([
    said(first, { lifetime: 1800, onLink: [{ value: one, lifetime: 60 }] }),
    said(second, { onLink: [{ value: two, lifetime: 60 }], routes: [{ value: three, lifetime: 60 }] }),
    said(first, { lifetime: 1800, onLink: [{ value: two, lifetime: 60 }] }),
    said(first, { lifetime: 0, onLink: [{ value: one, lifetime: 0 }] }),
    said(second, {
      lifetime: 1800,
      nameServers: [
        { value: gone, lifetime: 9 },
        { value: stays, lifetime: 9 },
      ],
    }),
    said(second, { lifetime: 1800, nameServers: [{ value: gone, lifetime: 0 }] }),
  ]);
  assert.deepEqual(routers, [
    { address: first, onLink: [two], routes: [], nameServers: [] },
    { address: second, onLink: [two], routes: [prefix('::', 0), three], nameServers: ['2001:db8::54'] },
  ]);
  assert.deepEqual(routersIn([]), []);
});
