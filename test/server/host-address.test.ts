import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isIpv4, parseIpv4, parseIpv6, parseMac } from '../../src/bytes/index.ts';
import { SqliteFleetStore } from '../../src/fleet/sqlite/store.ts';
import { checkHostAddress } from '../../src/server/host-address.ts';

const mac = parseMac('52:54:00:12:34:56');
const another = parseMac('52:54:00:12:34:57');
const now = 1000;
const ip = (text: string) => (isIpv4(text) ? parseIpv4(text) : parseIpv6(text));

/** Of each family what is to be the same. */
const families = [
  {
    family: 'IPv4',
    good: '192.0.2.9',
    outside: ['198.51.100.9', '192.0.3.1'],
    excluded: ['192.0.2.1', '192.0.2.0', '192.0.2.255'],
    networks: /\(192\.0\.2\.0\/24\)/,
  },
  {
    family: 'IPv6',
    good: '2001:db8::9',
    outside: ['2001:db8:1::9', 'fe80::9'],
    excluded: ['2001:db8::1', '2001:db8::', '2001:db8::fdff:ffff:ffff:ffff'],
    networks: /\(2001:db8::\/64\)/,
  },
] as const;

for (const { family, good, outside, excluded, networks } of families) {
  describe(`an ${family} address to be kept for a machine`, () => {
    let store: SqliteFleetStore;
    const check = (text: string) => checkHostAddress(store, mac, ip(text), now);

    beforeEach(async () => {
      store = new SqliteFleetStore(':memory:');
      await store.servedNetworks.replace([
        { network: '192.0.2.0/24', excluded: [parseIpv4('192.0.2.1')] },
        { network: '2001:db8::/64', excluded: [parseIpv6('2001:db8::1')] },
      ]);
    });
    afterEach(() => store.close());

    const lend = (clientKey: string, state: 'bound' | 'released' | 'declined', expires: number) => {
      const lease = { clientKey, hardwareAddress: undefined, state, start: 0, expires };
      const address = ip(good);
      if (isIpv4(address)) return store.leases.save({ ...lease, address, hostName: undefined });
      return store.ipv6Leases.save({ ...lease, address, duid: '0004', iaid: 1 });
    };

    test('may be any of a served network', () => check(good));

    for (const address of outside) {
      test(`is not ${address}, of a network that is not served`, async () => {
        assert.throws(() => check(address), { code: 'HOST_ADDRESS_NOT_SERVED', message: networks });
        await store.servedNetworks.replace([]);
        assert.throws(() => check(good), { code: 'HOST_ADDRESS_NOT_SERVED', message: /none of its family/ });
      });
    }

    for (const address of excluded) {
      test(`is not ${address}, which no machine may have`, () =>
        assert.throws(() => check(address), { code: 'HOST_ADDRESS_EXCLUDED' }));
    }

    test('is none that another has a lease of, as long as it has', async () => {
      await lend(another, 'bound', now + 1);
      assert.throws(() => check(good), { code: 'HOST_ADDRESS_IN_USE', message: new RegExp(`leased to ${another}`) });
      await lend(another, 'bound', now);
      check(good);
      await lend(another, 'released', now + 1);
      check(good);
      await lend(mac, 'bound', now + 1);
      check(good);
    });

    test('is none that somebody was found at', async () => {
      await lend(mac, 'declined', now + 1);
      assert.throws(() => check(good), { code: 'HOST_ADDRESS_IN_USE', message: /without a lease/ });
    });
  });
}
