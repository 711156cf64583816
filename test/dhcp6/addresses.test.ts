import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { duidOfMac, duidOfUuid, formatDuid, Option, type Reservations, StatusCode } from '../../src/dhcp6/index.ts';
import { addressOf, ia, ip, link, mac, renew, request, solicit, statusOf, TestServer } from './test-server.ts';

describe('one machine keeps one address through firmware, loader and system', () => {
  const eui64 = { address: 'fe80::5054:ff:fe00:1%eth0', port: 546 };

  test('whose DUIDs differ, as long as its card is known', async () => {
    const server = new TestServer();
    const uuid = duidOfUuid('00112233-4455-6677-8899-aabbccddeeff');
    const firmware = addressOf(await server.ask(request({ duid: uuid, ias: [{ iaid: 9 }] }), eui64));
    const system = addressOf(await server.ask(request({ duid: duidOfMac(mac(1)) })));
    assert.equal(system, firmware);
    // The one that came last renews; the record names it.
    assert.equal(addressOf(await server.ask(renew(String(system)))), firmware);
  });

  test('but two machines whose DUID is the same have one each', async () => {
    const server = new TestServer();
    const duid = duidOfUuid('00000000-0000-0000-0000-000000000000');
    const one = addressOf(await server.ask(request({ duid }), eui64));
    const other = addressOf(await server.ask(request({ duid }), { ...eui64, address: 'fe80::5054:ff:fe00:2%eth0' }));
    assert.notEqual(one, other);
  });
});

describe('pools', () => {
  test('must lie in the link’s prefix and hold an address', () => {
    const outside = { ...link, pool: { first: ip('2001:db8:2::1'), last: ip('2001:db8:2::9') } };
    assert.throws(() => new TestServer({ links: [outside] }), { code: 'DHCP6_POOL_OUTSIDE_PREFIX' });
    const empty = { ...link, pool: { first: ip('2001:db8::12'), last: ip('2001:db8::12') } };
    assert.throws(() => new TestServer({ links: [empty] }), { code: 'DHCP6_POOL_EMPTY' });
    const turned = { ...link, pool: { first: ip('2001:db8::13'), last: ip('2001:db8::10') } };
    assert.throws(() => new TestServer({ links: [turned] }), { code: 'DHCP6_POOL_EMPTY' });
  });

  test('give nobody an identifier that is reserved (RFC 8415 §13.1, RFC 5453)', async () => {
    for (const [first, last, free] of [
      ['2001:db8::', '2001:db8::1', '2001:db8::1'],
      ['2001:db8::fdff:ffff:ffff:ff7f', '2001:db8::fdff:ffff:ffff:ffff', '2001:db8::fdff:ffff:ffff:ff7f'],
      ['2001:db8::200:5eff:fe00:5213', '2001:db8::200:5eff:fe00:5213', undefined],
    ] as const) {
      const pool = { first: ip(first), last: ip(last) };
      const server = new TestServer({ links: [{ ...link, pool }] });
      const addresses = [1, 2, 3].map(async (number) =>
        addressOf(await server.ask(request({ duid: duidOfMac(mac(number)) }))),
      );
      assert.deepEqual(new Set(await Promise.all(addresses)), new Set([free, undefined]));
    }
  });

  test('of a whole prefix are as good as small ones', async () => {
    const huge = { ...link, pool: { first: ip('2001:db8::'), last: ip('2001:db8::ffff:ffff:ffff:ffff') } };
    const server = new TestServer({ links: [huge] });
    const addresses = new Set<string>();
    for (let number = 0; number < 200; number++) addresses.add(await server.bind({ duid: duidOfMac(mac(number)) }));
    assert.equal(addresses.size, 200);
  });
});

/** Reservations as a list, which may change. */
function listed(list: () => readonly (readonly [client: string, address: string])[]): Reservations {
  const address = (text: string | undefined) => (text === undefined ? undefined : ip(text));
  return {
    addressOf: ({ keys }) => {
      const [name] = keys.filter((key) => list().some(([client]) => client === key));
      return address(list().find(([client]) => client === name)?.[1]);
    },
    holderOf: (held) => list().find(([, each]) => each === held)?.[0],
  };
}

describe('a reserved address', () => {
  const uuid = '00112233-4455-6677-8899-aabbccddeeff';
  const reserved = ip('2001:db8::99');
  const serving = (...list: readonly (readonly [client: string, address: string])[]) => {
    return new TestServer({ reservations: listed(() => list) });
  };

  test('goes to its holder only, inside or outside the pool', async () => {
    const server = serving([mac(1), '2001:db8::99'], [mac(2), '2001:db8::10']);
    assert.equal(await server.bind({ duid: duidOfMac(mac(1)) }), reserved);
    for (const number of [3, 4]) {
      // The pool has two that are not reserved.
      const address = await server.bind({ duid: duidOfMac(mac(number)), ias: [{ addresses: ['2001:db8::10'] }] });
      assert.ok(['2001:db8::11', '2001:db8::13'].includes(address), address);
    }
    assert.equal(statusOf(ia(await server.ask(request({ duid: duidOfMac(mac(5)) })))), StatusCode.noAddrsAvail);
    assert.equal(await server.bind({ duid: duidOfMac(mac(2)) }), '2001:db8::10');
  });

  test('may be reserved by the card, the DUID or the machine’s UUID (RFC 6355)', async () => {
    for (const [client, duid] of [
      [mac(1), duidOfMac(mac(1))],
      [`duid:${formatDuid(duidOfMac(mac(1)))}`, duidOfMac(mac(1))],
      [`uuid:${uuid}`, duidOfUuid(uuid)],
      ['duid:0002abcd', Uint8Array.of(0, 2, 0xab, 0xcd)],
    ] as const) {
      const server = serving([client, '2001:db8::99']);
      assert.equal(await server.bind({ duid: duidOfMac(mac(7)) }), await server.bind({ duid: duidOfMac(mac(7)) }));
      assert.notEqual(await server.bind({ duid: duidOfMac(mac(7)) }), reserved);
      assert.equal(await server.bind({ duid }), reserved, client);
    }
  });

  test('of another link is not given on this one', async () => {
    const server = serving([mac(1), '2001:db8:1::99']);
    assert.match(await server.bind(), /^2001:db8::1[013]$/);
  });

  test('is one identity association’s; the other gets one of the pool', async () => {
    const server = serving([mac(1), '2001:db8::99']);
    const answer = await server.ask(request({ ias: [{ iaid: 1 }, { iaid: 2 }] }));
    const given = answer.options.all(Option.iaNa).map(({ options }) => options.get(Option.iaAddress)?.address);
    assert.equal(given[0], reserved);
    assert.match(String(given[1]), /^2001:db8::1[013]$/);
  });

  test('that was made while a machine runs leaves it what it has until it asks anew', async () => {
    const list: (readonly [client: string, address: string])[] = [];
    const server = new TestServer({ reservations: listed(() => list) });
    const before = await server.bind();
    list.push([mac(1), reserved]);
    assert.equal(addressOf(await server.ask(renew(before))), before);
    assert.equal(addressOf(await server.ask(solicit())), reserved);
  });
});
