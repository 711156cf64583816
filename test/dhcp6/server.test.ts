import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Ipv6Address } from '../../src/bytes/index.ts';
import {
  type Dhcp6Message,
  duidOfMac,
  type Lease,
  MemoryLeaseStore,
  MessageType,
  Option,
  OptionList,
  StatusCode,
} from '../../src/dhcp6/index.ts';
import {
  addressOf,
  ia,
  ip,
  lifetimes,
  link,
  mac,
  message,
  rebind,
  renew,
  request,
  serverIdentifier,
  solicit,
  statusOf,
  TestServer,
} from './test-server.ts';

describe('a Solicit (RFC 8415 §18.3.1, §18.3.9)', () => {
  test('is answered by what a Request would get, and nothing is written down', async () => {
    const server = new TestServer();
    const advertise = await server.ask(solicit({ options: (list) => list.set(Option.optionRequest, [24, 23]) }));
    assert.equal(advertise.type, MessageType.advertise);
    const [[address] = []] = lifetimes(advertise);
    assert.deepEqual(lifetimes(advertise), [[address, 3000, 4000]]);
    assert.deepEqual([ia(advertise).t1, ia(advertise).t2], [1500, 2400]);
    assert.deepEqual(advertise.options.get(Option.domainNameServers), ['2001:db8::53']);
    assert.deepEqual(advertise.options.get(Option.domainSearch), ['example.com']);
    assert.deepEqual([...server.leases.leases()], []);
    assert.equal(await server.bind(), address);
  });

  test('holds the address for the client a while', async () => {
    const server = new TestServer();
    const offered: (Ipv6Address | undefined)[] = [];
    for (const number of [1, 2, 3, 4])
      offered.push(addressOf(await server.ask(solicit({ duid: duidOfMac(mac(number)) }))));
    assert.equal(new Set(offered.slice(0, 3)).size, 3);
    assert.equal(offered[3], undefined);
    server.now += 61_000;
    assert.notEqual(addressOf(await server.ask(solicit({ duid: duidOfMac(mac(4)) }))), undefined);
  });

  test('gets no address from an empty pool, and is told so in the IA', async () => {
    const server = new TestServer();
    for (const number of [1, 2, 3]) await server.bind({ duid: duidOfMac(mac(number)) });
    const advertise = await server.ask(solicit({ duid: duidOfMac(mac(4)) }));
    assert.equal(statusOf(ia(advertise)), StatusCode.noAddrsAvail);
    assert.equal(addressOf(advertise), undefined);
    assert.ok(server.events.some(({ type }) => type === 'exhausted'));
  });

  test('with Rapid Commit is answered by a Reply where the server does so (RFC 8415 §21.14)', async () => {
    const rapid = solicit({ options: (list) => list.set(Option.rapidCommit, true) });
    const quick = new TestServer({ rapidCommit: true });
    const reply = await quick.ask(rapid);
    assert.equal(reply.type, MessageType.reply);
    assert.equal(reply.options.get(Option.rapidCommit), true);
    assert.equal([...quick.leases.leases()].length, 1);
    assert.equal((await new TestServer().ask(rapid)).type, MessageType.advertise);
  });

  test('carries the server’s preference when it has one (RFC 8415 §21.8)', async () => {
    assert.equal((await new TestServer({ preference: 7 }).ask(solicit())).options.get(Option.preference), 7);
    assert.equal((await new TestServer().ask(solicit())).options.has(Option.preference), false);
  });

  test('for prefixes and temporary addresses gets neither, and is told so (RFC 8415 §18.3.9)', async () => {
    const advertise = await new TestServer().ask(
      solicit({
        options: (list) => {
          list.append(Option.iaPd, { iaid: 5, t1: 0, t2: 0, options: new OptionList() });
          list.append(Option.iaTa, { iaid: 6, options: new OptionList() });
        },
      }),
    );
    const delegated = advertise.options.get(Option.iaPd);
    const temporary = advertise.options.get(Option.iaTa);
    assert.ok(delegated && temporary);
    assert.deepEqual([delegated.iaid, statusOf(delegated)], [5, StatusCode.noPrefixAvail]);
    assert.deepEqual([temporary.iaid, statusOf(temporary)], [6, StatusCode.noAddrsAvail]);
  });
});

describe('a Request (RFC 8415 §18.3.2)', () => {
  test('gets an address, durable before the answer leaves', async () => {
    let finish = () => {};
    let isAnswered = false;
    const leases = new MemoryLeaseStore();
    const slow = {
      leaseAt: (address: Ipv6Address) => leases.leaseAt(address),
      leasesOf: (key: string) => leases.leasesOf(key),
      leases: () => leases.leases(),
      save(lease: Lease) {
        leases.save(lease);
        return new Promise<void>((resolve) => {
          finish = resolve;
        });
      },
    };
    const server = new TestServer({ leases: slow });
    const answer = server.ask(request()).finally(() => {
      isAnswered = true;
    });
    await new Promise(setImmediate);
    assert.equal(isAnswered, false);
    finish();
    const address = addressOf(await answer);
    const lease = address === undefined ? undefined : leases.leaseAt(address);
    assert.deepEqual(
      { ...lease, address },
      {
        ...{ address, clientKey: mac(1), duid: '00030001525400000001', iaid: 1, hardwareAddress: mac(1) },
        ...{ state: 'bound', start: server.now, expires: server.now + 4_000_000 },
      },
    );
  });

  test('is not answered when the lease cannot be kept', async () => {
    const failing = Object.assign(new MemoryLeaseStore(), {
      save: () => Promise.reject(new Error('the disk is full')),
    });
    const server = new TestServer({ leases: failing });
    assert.equal(await server.silent(request()), 'failed');
  });

  test('for an address of another link is told so in the IA', async () => {
    const reply = await new TestServer().ask(request({ ias: [{ addresses: ['2001:db8:7::1'] }] }));
    assert.equal(statusOf(ia(reply)), StatusCode.notOnLink);
    assert.equal(addressOf(reply), undefined);
  });

  test('gets the address that it asks for when it is free, else another one', async () => {
    const server = new TestServer();
    const asked = { ias: [{ addresses: ['2001:db8::13'] }] };
    assert.equal(await server.bind(asked), '2001:db8::13');
    const other = await server.bind({ ...asked, duid: duidOfMac(mac(2)) });
    assert.notEqual(other, '2001:db8::13');
    // Outside of the pool, and the server's own.
    for (const address of ['2001:db8::77', '2001:db8::12']) {
      assert.notEqual(await new TestServer().bind({ ias: [{ addresses: [address] }] }), address);
    }
  });

  test('for two identity associations gets two addresses, and the same two again', async () => {
    const server = new TestServer();
    const asked = request({ ias: [{ iaid: 1 }, { iaid: 2 }] });
    const addressesIn = (answer: Dhcp6Message) =>
      answer.options.all(Option.iaNa).map(({ iaid, options }) => [iaid, options.get(Option.iaAddress)?.address]);
    const advertised = addressesIn(await server.ask(solicit({ ias: [{ iaid: 1 }, { iaid: 2 }] })));
    const first = addressesIn(await server.ask(asked));
    assert.deepEqual(advertised, first);
    assert.notEqual(first[0]?.[1], first[1]?.[1]);
    assert.deepEqual(addressesIn(await server.ask(asked)), first);
  });

  test('never gets an address that somebody else has, however clients come and go', async () => {
    const step = fc.record({
      client: fc.nat(6),
      action: fc.constantFrom('request', 'release', 'wait'),
      iaid: fc.nat(1),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const server = new TestServer();
        const held = new Map<string, { readonly who: string; readonly until: number }>();
        for (const { client, action, iaid } of steps) {
          const duid = duidOfMac(mac(client));
          const who = `${client} ${iaid}`;
          if (action === 'wait') server.now += 1_000_000;
          else if (action === 'request') {
            const address = addressOf(await server.ask(request({ duid, ias: [{ iaid }] })));
            if (address === undefined) continue;
            const before = held.get(address);
            assert.ok(before === undefined || before.who === who || before.until <= server.now, `${address} twice`);
            held.set(address, { who, until: server.now + 4_000_000 });
          } else {
            for (const [address, holder] of held) {
              if (holder.who !== who) continue;
              await server.ask(
                message(MessageType.release, { duid, to: serverIdentifier, ias: [{ iaid, addresses: [address] }] }),
              );
              held.delete(address);
            }
          }
        }
      }),
    );
  });
});

describe('Renew and Rebind (RFC 8415 §18.3.4, §18.3.5)', () => {
  test('prolong what the client has', async () => {
    const server = new TestServer();
    const address = await server.bind();
    server.now += 3_000_000;
    for (const asked of [renew(address), rebind(address)]) {
      assert.deepEqual(lifetimes(await server.ask(asked)), [[address, 3000, 4000]]);
      assert.equal(server.leases.leaseAt(address)?.expires, server.now + 4_000_000);
    }
    assert.ok(server.events.some((event) => event.type === 'lease' && event.change === 'renewed'));
  });

  test('take an address of another link away', async () => {
    const server = new TestServer();
    for (const asked of [renew('2001:db8:7::1'), rebind('2001:db8:7::1')]) {
      const reply = await server.ask(asked);
      assert.deepEqual(
        lifetimes(reply).find(([address]) => address === '2001:db8:7::1'),
        ['2001:db8:7::1', 0, 0],
      );
    }
  });

  test('give a lost record’s address again, by Renew at once and by Rebind only where the server is alone', async () => {
    const address = '2001:db8::11';
    assert.equal(addressOf(await new TestServer().ask(renew(address))), address);
    assert.equal(statusOf(ia(await new TestServer().ask(rebind(address)))), StatusCode.noBinding);
    assert.equal(addressOf(await new TestServer({ rapidCommit: true }).ask(rebind(address))), address);
  });

  test('of an address that somebody else has take it away and give another', async () => {
    const server = new TestServer();
    const address = await server.bind({ duid: duidOfMac(mac(2)) });
    const reply = await server.ask(renew(address));
    const given = lifetimes(reply);
    assert.deepEqual(
      given.find(([each]) => each === address),
      [address, 0, 0],
    );
    assert.equal(given.length, 2);
    assert.equal(server.leases.leaseAt(address)?.clientKey, mac(2));
  });

  test('of nothing are not answered', async () => {
    const server = new TestServer();
    assert.equal(await server.silent(message(MessageType.rebind)), 'nothing-to-say');
  });
});

describe('Confirm (RFC 8415 §18.3.3)', () => {
  const confirm = (...addresses: string[]) => message(MessageType.confirm, { ias: [{ addresses }] });

  test('says whether all addresses belong to the link', async () => {
    const server = new TestServer();
    assert.equal(statusOf(await server.ask(confirm('2001:db8::11', '2001:db8::ffff'))), StatusCode.success);
    assert.equal(statusOf(await server.ask(confirm('2001:db8::11', '2001:db8:7::1'))), StatusCode.notOnLink);
  });

  test('looks at temporary addresses too', async () => {
    const asked = confirm('2001:db8::11');
    const inner = new OptionList();
    const lifetimes = { preferredLifetime: 0, validLifetime: 0, options: new OptionList() };
    inner.append(Option.iaAddress, { address: ip('2001:db8:7::1'), ...lifetimes });
    asked.options.append(Option.iaTa, { iaid: 6, options: inner });
    assert.equal(statusOf(await new TestServer().ask(asked)), StatusCode.notOnLink);
  });

  test('without an address is not answered', async () => {
    assert.equal(await new TestServer().silent(confirm()), 'nothing-to-say');
  });
});

describe('Release and Decline (RFC 8415 §18.3.7, §18.3.8)', () => {
  test('a released address is free, and kept for its holder as long as nobody needs it', async () => {
    const server = new TestServer();
    const address = await server.bind();
    const release = message(MessageType.release, { to: serverIdentifier, ias: [{ addresses: [address] }] });
    const reply = await server.ask(release);
    assert.equal(statusOf(reply), StatusCode.success);
    assert.equal(reply.options.has(Option.iaNa), false);
    assert.equal(server.leases.leaseAt(address)?.state, 'released');
    for (const number of [2, 3]) await server.bind({ duid: duidOfMac(mac(number)) });
    assert.equal(await server.bind(), address);
  });

  test('a declined address is left alone for an hour', async () => {
    const server = new TestServer();
    const address = await server.bind();
    const decline = message(MessageType.decline, { to: serverIdentifier, ias: [{ addresses: [address] }] });
    assert.equal(statusOf(await server.ask(decline)), StatusCode.success);
    const asking = () => server.ask(request({ ias: [{ addresses: [address] }] }));
    assert.notEqual(addressOf(await asking()), address);
    await server.bind({ duid: duidOfMac(mac(2)) });
    const third = request({ duid: duidOfMac(mac(3)) });
    assert.equal(addressOf(await server.ask(third)), undefined);
    server.now += 3_600_001;
    assert.equal(addressOf(await server.ask(third)), address);
  });

  test('what the client does not have stays, and it is told so', async () => {
    const server = new TestServer();
    const address = await server.bind({ duid: duidOfMac(mac(2)) });
    for (const type of [MessageType.release, MessageType.decline]) {
      const reply = await server.ask(message(type, { to: serverIdentifier, ias: [{ iaid: 3, addresses: [address] }] }));
      assert.equal(statusOf(reply), StatusCode.success);
      assert.deepEqual([ia(reply).iaid, statusOf(ia(reply))], [3, StatusCode.noBinding]);
      assert.equal(server.leases.leaseAt(address)?.state, 'bound');
    }
  });
});

test('Release and Decline of prefixes and temporary addresses are told that there are none (RFC 8415 §18.3.7, §18.3.8)', async () => {
  const options = (list: OptionList) => {
    list.append(Option.iaPd, { iaid: 5, t1: 0, t2: 0, options: new OptionList() });
    list.append(Option.iaTa, { iaid: 6, options: new OptionList() });
  };
  for (const type of [MessageType.release, MessageType.decline]) {
    const reply = await new TestServer().ask(message(type, { to: serverIdentifier, options }));
    assert.equal(statusOf(reply), StatusCode.success);
    for (const [option, iaid] of [
      [Option.iaPd, 5],
      [Option.iaTa, 6],
    ] as const) {
      const association = reply.options.get(option);
      assert.ok(association, option.name);
      assert.deepEqual([association.iaid, statusOf(association)], [iaid, StatusCode.noBinding]);
    }
  }
});

describe('Information-request (RFC 8415 §18.3.6)', () => {
  test('is answered without addresses, and to who does not say its name too', async () => {
    const server = new TestServer();
    const asking = (list: OptionList) => list.set(Option.optionRequest, [23, 32]);
    for (const duid of [undefined, duidOfMac(mac(1))]) {
      const reply = await server.ask(message(MessageType.informationRequest, { duid, options: asking }));
      assert.equal(reply.type, MessageType.reply);
      assert.deepEqual(reply.options.get(Option.domainNameServers), ['2001:db8::53']);
      assert.equal(reply.options.get(Option.informationRefreshTime), 4000);
      assert.equal(reply.options.has(Option.domainSearch), false);
    }
  });

  test('is not asked for again within ten minutes, however short addresses are lent (RFC 8415 §21.23)', async () => {
    const server = new TestServer({ links: [{ ...link, preferredLifetime: 60, validLifetime: 60 }] });
    const options = (list: OptionList) => list.set(Option.optionRequest, [32]);
    const reply = await server.ask(message(MessageType.informationRequest, { options }));
    assert.equal(reply.options.get(Option.informationRefreshTime), 600);
  });
});
