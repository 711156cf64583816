import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Ipv6Address, ipv6ToBytes, type MacAddress } from '../../src/bytes/index.ts';
import {
  type BootAnswer,
  type Datagram,
  type Dhcp6Link,
  type Dhcp6Message,
  Dhcp6Server,
  type Dhcp6ServerEvent,
  type Dhcp6ServerOptions,
  decodeMessage,
  decodeRelayMessage,
  duidOfMac,
  duidOfUuid,
  encodeMessage,
  encodeRelayMessage,
  type IdentityAssociation,
  type Lease,
  MemoryLeaseStore,
  MessageType,
  Option,
  OptionList,
  StatusCode,
  unwrapRelays,
} from '../../src/dhcp6/index.ts';

const ip = (text: string) => text as Ipv6Address;
const mac = (last: number) => `52:54:00:00:00:${last.toString(16).padStart(2, '0')}` as MacAddress;
const serverIdentifier = duidOfMac(mac(0xfe));
const own = ip('2001:db8::1');
const url = 'iscsi:[2001:db8::1]::::iqn.2024-01.com.example:disk';
const somewhere = { address: 'fe80::99%eth0', port: 546 };

const link: Dhcp6Link = {
  prefixes: [{ network: ip('2001:db8::'), length: 64 }],
  pool: { first: ip('2001:db8::10'), last: ip('2001:db8::13') },
  excluded: [ip('2001:db8::12')],
  preferredLifetime: 3000,
  validLifetime: 4000,
  domainNameServers: [ip('2001:db8::53')],
  domainSearch: ['example.com'],
};
const farLink: Dhcp6Link = {
  ...link,
  prefixes: [{ network: ip('2001:db8:1::'), length: 64 }],
  pool: { first: ip('2001:db8:1::10'), last: ip('2001:db8:1::1f') },
};

interface Asked {
  readonly duid?: Uint8Array | undefined;
  readonly to?: Uint8Array;
  /** One IA for each, with the addresses in it. */
  readonly ias?: readonly { readonly iaid?: number; readonly addresses?: readonly string[] }[];
  readonly options?: (list: OptionList) => unknown;
}

function message(type: number, { ias = [], to, options, ...rest }: Asked = {}): Dhcp6Message {
  const list = new OptionList();
  const duid = 'duid' in rest ? rest.duid : duidOfMac(mac(1));
  if (duid !== undefined) list.set(Option.clientIdentifier, duid);
  if (to !== undefined) list.set(Option.serverIdentifier, to);
  for (const { iaid = 1, addresses = [] } of ias) {
    const inner = new OptionList();
    for (const address of addresses) {
      const lifetimes = { preferredLifetime: 0, validLifetime: 0 };
      inner.append(Option.iaAddress, { address: ip(address), ...lifetimes, options: new OptionList() });
    }
    list.append(Option.iaNa, { iaid, t1: 0, t2: 0, options: inner });
  }
  options?.(list);
  return { type, transactionId: 0x123456, options: list };
}

const solicit = (asked: Asked = {}) => message(MessageType.solicit, { ias: [{}], ...asked });
const request = (asked: Asked = {}) => message(MessageType.request, { to: serverIdentifier, ias: [{}], ...asked });
const renew = (address: string, asked: Asked = {}) =>
  message(MessageType.renew, { to: serverIdentifier, ias: [{ addresses: [address] }], ...asked });
const rebind = (address: string, asked: Asked = {}) =>
  message(MessageType.rebind, { ias: [{ addresses: [address] }], ...asked });

class TestServer {
  readonly leases = new MemoryLeaseStore();
  readonly events: Dhcp6ServerEvent[] = [];
  readonly server: Dhcp6Server;
  now = 1_000_000;

  constructor(options: Partial<Dhcp6ServerOptions> = {}) {
    this.server = new Dhcp6Server({
      ...{ serverIdentifier, address: own, links: [link, farLink], leases: this.leases },
      onEvent: (event) => this.events.push(event),
      ...options,
    });
  }

  async datagram(data: Uint8Array, from = somewhere): Promise<Datagram | undefined> {
    return this.server.receive(data, from, this.now);
  }

  async ask(asked: Dhcp6Message, from = somewhere): Promise<Dhcp6Message> {
    const reply = await this.datagram(encodeMessage(asked), from);
    assert.ok(reply !== undefined, `no answer: ${JSON.stringify(this.events.at(-1))}`);
    const answer = decodeMessage(reply.data);
    assert.equal(answer.transactionId, asked.transactionId);
    assert.deepEqual(answer.options.get(Option.serverIdentifier), serverIdentifier);
    assert.deepEqual(answer.options.raw(1), asked.options.raw(1));
    return answer;
  }

  /** Lets a client get an address. */
  async bind(asked: Asked = {}): Promise<Ipv6Address> {
    const address = addressOf(await this.ask(request(asked)));
    assert.ok(address !== undefined, 'no address');
    return address;
  }

  async silent(asked: Dhcp6Message): Promise<string> {
    assert.equal(await this.datagram(encodeMessage(asked)), undefined);
    const last = this.events.at(-1);
    return last?.type === 'ignored' ? last.reason : String(last?.type);
  }
}

function ia(answer: Dhcp6Message): IdentityAssociation {
  const found = answer.options.get(Option.iaNa);
  assert.ok(found !== undefined, 'no IA');
  return found;
}

function addressOf(answer: Dhcp6Message): Ipv6Address | undefined {
  return ia(answer).options.get(Option.iaAddress)?.address;
}

function statusOf({ options }: { readonly options: OptionList }): number | undefined {
  return options.get(Option.statusCode)?.code;
}

function lifetimes(answer: Dhcp6Message) {
  return ia(answer)
    .options.all(Option.iaAddress)
    .map(({ address, preferredLifetime, validLifetime }) => [address, preferredLifetime, validLifetime]);
}

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
});

describe('what a server must not answer (RFC 8415 §16)', () => {
  const other = duidOfMac(mac(0xfd));
  const cases: Record<string, readonly [string, Dhcp6Message]> = {
    'a Solicit without client identifier': ['invalid', solicit({ duid: undefined })],
    'a Solicit with server identifier': ['invalid', solicit({ to: serverIdentifier })],
    'a Request without server identifier': ['invalid', message(MessageType.request, { ias: [{}] })],
    'a Request for another server': ['other-server', request({ to: other })],
    'a Confirm with server identifier': ['invalid', message(MessageType.confirm, { to: serverIdentifier, ias: [{}] })],
    'a Renew without server identifier': ['invalid', message(MessageType.renew, { ias: [{}] })],
    'a Renew for another server': ['other-server', renew('2001:db8::11', { to: other })],
    'a Rebind with server identifier': ['invalid', rebind('2001:db8::11', { to: serverIdentifier })],
    'a Release without client identifier': [
      'invalid',
      message(MessageType.release, { duid: undefined, to: serverIdentifier }),
    ],
    'a Decline for another server': ['other-server', message(MessageType.decline, { to: other, ias: [{}] })],
    'an Information-request with an IA': ['invalid', message(MessageType.informationRequest, { ias: [{}] })],
    'an Information-request for another server': [
      'other-server',
      message(MessageType.informationRequest, { to: other }),
    ],
    'an Advertise': ['unexpected', message(MessageType.advertise)],
    'a Reply': ['unexpected', message(MessageType.reply)],
    'a Reconfigure': ['unexpected', message(MessageType.reconfigure)],
    'an unknown type': ['unexpected', message(99)],
  };
  for (const [name, [reason, asked]] of Object.entries(cases)) {
    test(name, async () => assert.equal(await new TestServer().silent(asked), reason));
  }

  test('anything else is an event and no more', async () => {
    const server = new TestServer();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        await server.datagram(bytes);
        assert.notEqual(server.events.at(-1)?.type, 'failed');
      }),
    );
    const cut = encodeMessage(request()).subarray(0, -3);
    assert.equal(await server.datagram(cut), undefined);
    assert.equal(server.events.at(-1)?.type, 'malformed');
  });

  test('an IA whose inside is no option is malformed', async () => {
    const server = new TestServer();
    const broken = message(MessageType.request, { to: serverIdentifier });
    broken.options.appendRaw(Option.iaNa.code, new Uint8Array(15));
    assert.equal(await server.silent(broken), 'malformed');
  });
});

describe('relay agents (RFC 8415 §19.3)', () => {
  function envelope(inner: Uint8Array, linkAddress: string, hopCount = 0): Uint8Array {
    const options = new OptionList().set(Option.interfaceIdentifier, Buffer.from(`port ${hopCount}`));
    const peerAddress = ip('fe80::5054:ff:fe00:1');
    options.set(Option.relayMessage, inner);
    return encodeRelayMessage({ type: 12, hopCount, linkAddress: ip(linkAddress), peerAddress, options });
  }
  const relay = { address: '2001:db8::2', port: 547 };

  test('the answer goes back the way that the question came, each with its interface-id', async () => {
    const server = new TestServer();
    const question = envelope(envelope(encodeMessage(request()), '2001:db8:1::1'), '::', 1);
    const reply = await server.datagram(question, relay);
    assert.ok(reply !== undefined);
    assert.deepEqual(reply.to, { address: '2001:db8::2', port: 547 });
    const outer = decodeRelayMessage(reply.data);
    assert.deepEqual([outer.type, outer.hopCount, outer.linkAddress], [13, 1, '::']);
    assert.equal(outer.peerAddress, 'fe80::5054:ff:fe00:1');
    const { message: answer, relays } = unwrapRelays(reply.data);
    assert.deepEqual(
      relays.map(({ options }) => Buffer.from(options.get(Option.interfaceIdentifier) ?? []).toString()),
      ['port 0', 'port 1'],
    );
    // The address is one of the client's link, which the relay agent next to it names.
    assert.match(String(addressOf(answer)), /^2001:db8:1::1[0-9a-f]$/);
  });

  test('of a link that is not served here get no answer', async () => {
    const server = new TestServer();
    assert.equal(await server.datagram(envelope(encodeMessage(solicit()), '2001:db8:9::1'), relay), undefined);
    const last = server.events.at(-1);
    assert.equal(last?.type === 'ignored' && last.reason, 'no-link');
  });

  test('a client that is on the link itself is answered at its port', async () => {
    const reply = await new TestServer().datagram(encodeMessage(solicit()));
    assert.deepEqual(reply?.to, { address: 'fe80::99%eth0', port: 546 });
  });
});

describe('what to boot, where each client looks for it', () => {
  const classOf = (text: string) => ({ enterprise: 343, items: [Buffer.from(text)] });

  async function told(asked: Dhcp6Message, answer: BootAnswer = { bootFileUrl: url, initiatorName: 'iqn.x:me' }) {
    const server = new TestServer({ bootFor: () => answer });
    return (await server.ask(asked)).options;
  }

  test('UEFI’s iSCSI driver: the Root Path in 59, the server’s address in 60 (EDK2 IScsiDhcp6.c)', async () => {
    const asked = message(MessageType.informationRequest, {
      options: (list) => list.set(Option.optionRequest, [23, 59, 60]),
    });
    const options = await told(asked);
    assert.equal(options.get(Option.bootFileUrl), url);
    assert.deepEqual(options.get(Option.bootFileParameters), [ipv6ToBytes(own)]);
    assert.deepEqual(options.raw(60)?.subarray(0, 4), Uint8Array.of(0, 16, 0x20, 0x01));
  });

  test('iPXE and UEFI’s PXE: 59, asked for or not', async () => {
    const ipxe = await told(solicit({ options: (list) => list.set(Option.userClass, [Buffer.from('iPXE')]) }));
    assert.equal(ipxe.get(Option.bootFileUrl), url);
    assert.equal(ipxe.has(Option.bootFileParameters), false);
    const pxe = await told(
      solicit({ options: (list) => list.set(Option.vendorClass, classOf('PXEClient:Arch:00007:UNDI:003001')) }),
      { bootFileUrl: 'tftp://[2001:db8::1]/snponly.efi' },
    );
    assert.equal(pxe.get(Option.bootFileUrl), 'tftp://[2001:db8::1]/snponly.efi');
  });

  test('UEFI HTTP boot: 59, and its own class in 16', async () => {
    const options = await told(
      solicit({ options: (list) => list.set(Option.vendorClass, classOf('HTTPClient:Arch:00016')) }),
    );
    assert.equal(options.get(Option.bootFileUrl), url);
    assert.equal(Buffer.from(options.get(Option.vendorClass)?.items[0] ?? []).toString(), 'HTTPClient');
  });

  test('iSCSI ROMs: sub-options of 17 behind their own class in 16', async () => {
    const options = await told(solicit({ options: (list) => list.set(Option.vendorClass, classOf('BRCM ISAN')) }));
    assert.equal(Buffer.from(options.get(Option.vendorClass)?.items[0] ?? []).toString(), 'BRCM ISAN');
    const inner = options.get(Option.vendorOptions);
    assert.equal(inner?.enterprise, 343);
    assert.equal(Buffer.from(inner?.options.raw(201) ?? []).toString(), url);
    assert.equal(Buffer.from(inner?.options.raw(203) ?? []).toString(), 'iqn.x:me');
    assert.equal(options.has(Option.bootFileUrl), false);
  });

  test('any other: 59 if it asks', async () => {
    assert.equal((await told(solicit())).has(Option.bootFileUrl), false);
    const asked = await told(solicit({ options: (list) => list.set(Option.optionRequest, [59]) }));
    assert.equal(asked.get(Option.bootFileUrl), url);
  });

  test('a machine that runs keeps its address when nothing can be said of booting', async () => {
    const bootFor = () => Promise.reject(new Error('no store'));
    const server = new TestServer({ bootFor });
    assert.ok(addressOf(await server.ask(request())));
    const ipxe = solicit({ options: (list) => list.set(Option.userClass, [Buffer.from('iPXE')]) });
    assert.equal(await server.silent(ipxe), 'failed');
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

  test('of a whole prefix are as good as small ones', async () => {
    const huge = { ...link, pool: { first: ip('2001:db8::'), last: ip('2001:db8::ffff:ffff:ffff:ffff') } };
    const server = new TestServer({ links: [huge] });
    const addresses = new Set<string>();
    for (let number = 0; number < 200; number++) addresses.add(await server.bind({ duid: duidOfMac(mac(number)) }));
    assert.equal(addresses.size, 200);
  });
});
