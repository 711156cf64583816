import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Ipv4Address } from '../../src/bytes/index.ts';
import {
  encodeMessage,
  MemoryLeaseStore,
  MessageType,
  NEVER,
  Option,
  type OptionList,
  type Reservations,
} from '../../src/dhcp/index.ts';
import { declineTime } from '../../src/dhcp/server/decision.ts';
import {
  anywhere,
  discover,
  initReboot,
  ip,
  mac,
  renew,
  request,
  select,
  serverIdentifier,
  subnet,
  TestServer,
} from './support.ts';

const { offer, ack, nak } = MessageType;

describe('an address', () => {
  test('is offered and acknowledged with what RFC 2131 table 3 wants', async () => {
    const server = new TestServer();
    const offered = await server.expect(discover(), offer);
    assert.equal(server.leases.leaseAt(offered.yiaddr), undefined, 'an offer is no lease');
    const given = await server.expect(select(offered.yiaddr), ack);
    assert.equal(given.yiaddr, offered.yiaddr);
    for (const { options, xid } of [offered, given]) {
      assert.equal(xid, 0x1234);
      assert.equal(options.get(Option.serverIdentifier), serverIdentifier);
      assert.equal(options.get(Option.leaseTime), 3600);
      assert.equal(options.get(Option.renewalTime), 1800);
      assert.equal(options.get(Option.rebindingTime), 3150);
      assert.equal(options.get(Option.subnetMask), '255.255.255.0');
    }
    assert.deepEqual(server.leases.leaseAt(given.yiaddr), {
      address: given.yiaddr,
      clientKey: mac(1),
      hardwareAddress: mac(1),
      state: 'bound',
      start: server.now,
      expires: server.now + 3_600_000,
      hostName: undefined,
    });
  });

  test('stays the same for a client that asks again, whatever it calls itself', async () => {
    const server = new TestServer();
    const first = await server.bind();
    for (const identifier of [
      [1, 0x52],
      [255, 0, 0, 0, 1, 0, 4],
      [0, 0x41],
    ]) {
      const again = discover(mac(1), (list) => list.set(Option.clientIdentifier, Uint8Array.from(identifier)));
      const offered = await server.expect(again, offer);
      assert.equal(offered.yiaddr, first.yiaddr);
      assert.deepEqual(offered.options.raw(61), Uint8Array.from(identifier), 'RFC 6842: echoed unaltered');
    }
  });

  test('goes to no second client while it is offered or leased', async () => {
    const server = new TestServer();
    const addresses = new Set<string>();
    for (let client = 1; client <= 4; client++) {
      const offered = await server.expect(discover(mac(client)), offer);
      addresses.add(offered.yiaddr);
    }
    assert.deepEqual([...addresses].sort(), ['192.0.2.10', '192.0.2.11', '192.0.2.12', '192.0.2.13']);
    await server.expectSilence(discover(mac(5)), 'pool-exhausted');
    server.now += 61_000;
    await server.expect(discover(mac(5)), offer);
  });

  test('is taken from the client that has been gone longest when all are used', async () => {
    const server = new TestServer();
    const given: string[] = [];
    for (let client = 1; client <= 4; client++) {
      given.push((await server.bind(mac(client))).yiaddr);
      server.now += 1000;
    }
    await server.expectSilence(discover(mac(9)), 'pool-exhausted');
    server.now += 3_600_000;
    assert.equal((await server.bind(mac(9))).yiaddr, given[0]);
    assert.equal((await server.bind(mac(2))).yiaddr, given[1], 'the others still find theirs');
  });

  test('that the client asks for is given if it is free', async () => {
    const server = new TestServer();
    const wish = (address: string, from: number) =>
      discover(mac(from), (list) => list.set(Option.requestedAddress, ip(address)));
    assert.equal((await server.expect(wish('192.0.2.13', 1), offer)).yiaddr, '192.0.2.13');
    assert.notEqual((await server.expect(wish('192.0.2.13', 2), offer)).yiaddr, '192.0.2.13');
    assert.notEqual((await server.expect(wish('192.0.2.200', 3), offer)).yiaddr, '192.0.2.200', 'outside the pool');
  });

  test('that is reserved goes to its holder only, inside or outside the pool', async () => {
    const held = new Map([
      [mac(1), ip('192.0.2.10')],
      [mac(2), ip('192.0.2.99')],
    ]);
    const reservations = {
      addressOf: ({ key }: { key: string }) => held.get(key as ReturnType<typeof mac>),
      holderOf: (address: string) => [...held].find(([, other]) => other === address)?.[0],
    };
    const server = new TestServer({ reservations });
    for (const other of [3, 4, 5]) assert.notEqual((await server.bind(mac(other))).yiaddr, '192.0.2.10');
    await server.expectSilence(discover(mac(6)), 'pool-exhausted');
    assert.equal((await server.bind(mac(1))).yiaddr, '192.0.2.10');
    assert.equal((await server.bind(mac(2))).yiaddr, '192.0.2.99');
  });

  test('may be reserved by the client identifier or by the machine’s UUID', async () => {
    const uuid = '00112233-4455-6677-8899-aabbccddeeff';
    const held = new Map<string, Ipv4Address>([
      ['id:00abcd', ip('192.0.2.98')],
      [`uuid:${uuid}`, ip('192.0.2.99')],
    ]);
    const reservations: Reservations = {
      addressOf: ({ keys }) => keys.map((key) => held.get(key)).find((address) => address !== undefined),
      holderOf: (address) => [...held].find(([, other]) => other === address)?.[0],
    };
    const server = new TestServer({ reservations });
    const byIdentifier = discover(mac(1), (list) => list.setRaw(61, Uint8Array.of(0, 0xab, 0xcd)));
    assert.equal((await server.expect(byIdentifier, offer)).yiaddr, '192.0.2.98');
    const byUuid = discover(mac(2), (list) => list.set(Option.machineIdentifier, uuid));
    assert.equal((await server.expect(byUuid, offer)).yiaddr, '192.0.2.99');
    await server.expect(select(ip('192.0.2.98'), mac(3)), nak);
  });

  test('is acknowledged only after the lease is saved, and not at all when saving fails', async () => {
    const store = new MemoryLeaseStore();
    let save = Promise.withResolvers<void>();
    const leases = {
      leaseAt: store.leaseAt.bind(store),
      leasesOf: store.leasesOf.bind(store),
      leases: store.leases.bind(store),
      save: () => save.promise,
    };
    const server = new TestServer({ leases });
    const offered = await server.expect(discover(), offer);
    let answered = false;
    const answer = server.ask(select(offered.yiaddr)).then((given) => {
      answered = true;
      return given;
    });
    await new Promise(setImmediate);
    assert.equal(answered, false);
    save.resolve();
    assert.equal((await answer)?.type, ack);
    save = Promise.withResolvers();
    const refused = server.ask(select(offered.yiaddr));
    save.reject(new Error('disk full'));
    assert.equal(await refused, undefined);
    assert.equal(server.events.at(-1)?.type, 'failed');
  });

  test('is never acknowledged to two clients that ask in the same moment', async () => {
    const server = new TestServer();
    const address = ip('192.0.2.10');
    const answers = await Promise.all([server.ask(select(address, mac(1))), server.ask(select(address, mac(2)))]);
    assert.deepEqual(
      answers.map((answer) => answer?.type),
      [ack, nak],
    );
  });

  test('is leased for the shorter time that the client wants, but not for seconds', async () => {
    const server = new TestServer();
    const asking = (seconds: number) => discover(mac(1), (list) => list.set(Option.leaseTime, seconds));
    const time = async (seconds: number) => (await server.expect(asking(seconds), offer)).options.get(Option.leaseTime);
    assert.equal(await time(600), 600);
    assert.equal(await time(1), 60);
    assert.equal(await time(0xffff_ffff), 3600);
  });
});

describe('REQUEST', () => {
  test('for another server ends the offer and is not answered', async () => {
    const server = new TestServer();
    const offered = await server.expect(discover(), offer);
    await server.expectSilence(select(offered.yiaddr, mac(1), ip('192.0.2.77')), 'other-server');
    const freed = discover(mac(2), (list) => list.set(Option.requestedAddress, offered.yiaddr));
    assert.equal((await server.expect(freed, offer)).yiaddr, offered.yiaddr);
  });

  test('for an address that somebody else has is refused', async () => {
    const server = new TestServer();
    const { yiaddr } = await server.bind(mac(1));
    const refusal = await server.expect(select(yiaddr, mac(2)), nak);
    assert.equal(refusal.yiaddr, '0.0.0.0');
    assert.equal(refusal.options.get(Option.leaseTime), undefined);
    assert.match(refusal.options.get(Option.message) ?? '', /no longer free/);
    await server.expectSilence(initReboot(yiaddr, mac(2)), 'unknown-client');
    await server.expect(renew(yiaddr, mac(2)), nak);
  });

  test('after a restart (INIT-REBOOT) is confirmed, refused or left unanswered', async () => {
    const server = new TestServer();
    const { yiaddr } = await server.bind();
    await server.expect(initReboot(yiaddr), ack);
    await server.expect(initReboot(ip('192.0.2.13')), nak);
    await server.expect(initReboot(ip('198.51.100.1')), nak);
    await server.expectSilence(initReboot(ip('192.0.2.12'), mac(2)), 'unknown-client');
    const alone = new TestServer({ authoritative: true });
    await alone.expect(initReboot(ip('192.0.2.12'), mac(2)), nak);
  });

  test('of a running client prolongs its lease and keeps its start', async () => {
    const server = new TestServer();
    const { yiaddr } = await server.bind();
    const start = server.now;
    server.now += 1_800_000;
    const renewed = await server.ask(renew(yiaddr));
    assert.equal(renewed?.type, ack);
    assert.deepEqual(renewed.datagram.to, { address: yiaddr, port: 68 }, 'unicast to the address that it has');
    const lease = server.leases.leaseAt(yiaddr);
    assert.deepEqual([lease?.start, lease?.expires], [start, server.now + 3_600_000]);
    const changes = server.events.flatMap((event) => (event.type === 'lease' ? [event.change] : []));
    assert.deepEqual(changes, ['bound', 'renewed']);
  });

  test('of a running client whose lease this server has lost gives it back', async () => {
    const server = new TestServer();
    await server.expect(renew(ip('192.0.2.11')), ack);
    assert.equal(server.leases.leaseAt(ip('192.0.2.11'))?.clientKey, mac(1));
    await server.expectSilence(renew(ip('192.0.2.200'), mac(2)), 'unknown-client');
    await server.expect(renew(ip('198.51.100.9'), mac(2)), nak);
  });

  test('keeps a machine running at an address that is no longer in the pool, until it starts anew', async () => {
    const server = new TestServer();
    const address = ip('192.0.2.200');
    const holder = { clientKey: mac(1), hardwareAddress: mac(1), hostName: undefined };
    server.leases.save({ address, ...holder, state: 'bound', start: 0, expires: server.now + 1 });
    await server.expect(renew(address), ack);
    await server.expect(renew(address, mac(2)), nak);
    assert.notEqual((await server.bind()).yiaddr, address);
  });

  test('keeps a machine running at its address after its reservation has moved, until it starts anew', async () => {
    let reserved = ip('192.0.2.10');
    const reservations = { addressOf: () => reserved, holderOf: (a: string) => (a === reserved ? mac(1) : undefined) };
    const server = new TestServer({ reservations });
    assert.equal((await server.bind()).yiaddr, '192.0.2.10');
    reserved = ip('192.0.2.12');
    await server.expect(renew(ip('192.0.2.10')), ack);
    await server.expect(initReboot(ip('192.0.2.10')), nak);
    assert.equal((await server.bind()).yiaddr, '192.0.2.12');
    assert.equal(server.leases.leaseAt(ip('192.0.2.10'))?.state, 'released');
  });
});

describe('DECLINE, RELEASE and INFORM', () => {
  test('a declined address is left alone for an hour', async () => {
    const server = new TestServer();
    const { yiaddr } = await server.bind();
    const decline = request({
      type: MessageType.decline,
      options: (list) => list.set(Option.requestedAddress, yiaddr).set(Option.serverIdentifier, serverIdentifier),
    });
    await server.expectSilence(decline);
    assert.equal(server.leases.leaseAt(yiaddr)?.state, 'declined');
    for (const client of [1, 2, 3]) assert.notEqual((await server.bind(mac(client))).yiaddr, yiaddr);
    await server.expectSilence(discover(mac(4)), 'pool-exhausted');
    server.now += declineTime;
    await server.bind(mac(4));
  });

  test("nobody can decline another's address", async () => {
    const server = new TestServer();
    const { yiaddr } = await server.bind(mac(1));
    const options = (list: OptionList) => list.set(Option.requestedAddress, yiaddr);
    await server.expectSilence(request({ type: MessageType.decline, from: mac(2), options }), 'unknown-client');
    assert.equal(server.leases.leaseAt(yiaddr)?.state, 'bound');
  });

  test('a released address is free, and found again by its client', async () => {
    const server = new TestServer();
    const { yiaddr } = await server.bind();
    const release = (from: number) =>
      request({ type: MessageType.release, from: mac(from), fields: { ciaddr: yiaddr } });
    await server.expectSilence(release(2), 'unknown-client');
    assert.equal(server.leases.leaseAt(yiaddr)?.state, 'bound');
    await server.expectSilence(release(1));
    assert.equal(server.leases.leaseAt(yiaddr)?.state, 'released');
    assert.equal((await server.bind()).yiaddr, yiaddr);
  });

  test('INFORM gets parameters and no address', async () => {
    const server = new TestServer();
    const options = (list: OptionList) => list.set(Option.parameterRequestList, [6, 15]);
    const inform = request({ type: MessageType.inform, fields: { ciaddr: ip('192.0.2.77') }, options });
    const answer = await server.ask(inform);
    assert.equal(answer?.type, ack);
    assert.deepEqual(answer.datagram.to, { address: '192.0.2.77', port: 68 });
    assert.equal(answer.message.yiaddr, '0.0.0.0');
    assert.equal(answer.message.options.has(Option.leaseTime), false);
    assert.deepEqual(answer.message.options.get(Option.domainNameServers), ['192.0.2.53', '192.0.2.54']);
    assert.equal(answer.message.options.get(Option.domainName), 'example.com');
    assert.equal([...server.leases.leases()].length, 0);
  });
});

describe('INFORM', () => {
  const far = { ...subnet, subnet: { network: ip('198.51.100.0'), prefix: 24 }, domainName: 'far.example.com' };
  const pool = { first: ip('198.51.100.20'), last: ip('198.51.100.29') };
  const subnets = [subnet, { ...far, pool }] as const;
  const options = (list: OptionList) => list.set(Option.parameterRequestList, [15]);

  test('through a relay agent is answered at the client itself, with what holds in its network (RFC 2131 §4.3.5)', async () => {
    const server = new TestServer({ subnets });
    const fields = { ciaddr: ip('198.51.100.77'), giaddr: ip('198.51.100.1'), hops: 1 };
    const answer = await server.ask(request({ type: MessageType.inform, fields, options }));
    assert.deepEqual(answer?.datagram.to, { address: '198.51.100.77', port: 68 });
    assert.equal(answer.message.options.get(Option.domainName), 'far.example.com');
  });

  test('from an address of no served network is not answered with the settings of another (RFC 2131 §3.4)', async () => {
    const server = new TestServer({ subnets });
    for (const giaddr of ['0.0.0.0', '198.51.100.1']) {
      const fields = { ciaddr: ip('203.0.113.5'), giaddr: ip(giaddr) };
      await server.expectSilence(request({ type: MessageType.inform, fields, options }), 'no-subnet');
    }
  });
});

describe('BOOTP', () => {
  test('a BOOTP client gets an address for ever in a message of 300 bytes without DHCP options', async () => {
    const rootPath = 'iscsi:192.0.2.1::::iqn.2024-01.com.example:d';
    const server = new TestServer({ bootFor: () => ({ rootPath, bootFile: 'x', nextServer: serverIdentifier }) });
    const options = (list: OptionList) => list.set(Option.parameterRequestList, [17, 3, 6, 15]);
    const answer = await server.ask(request({ options }));
    assert.equal(answer?.datagram.data.length, 300);
    const { message } = answer;
    for (const option of [Option.messageType, Option.leaseTime, Option.serverIdentifier, Option.renewalTime]) {
      assert.equal(message.options.has(option), false, option.name);
    }
    assert.deepEqual([message.file, message.siaddr], ['x', serverIdentifier]);
    assert.equal(message.options.get(Option.rootPath), rootPath);
    assert.equal(server.leases.leaseAt(message.yiaddr)?.expires, NEVER);
    const sent = server.events.at(-1);
    assert.deepEqual(sent?.type === 'sent' && sent.omitted, [6, 15], 'what did not fit is reported');
  });

  test('a BOOTP client of before there were options gets its address, and its own vendor area back (RFC 951, RFC 1542 §3.5)', async () => {
    const server = new TestServer({
      bootFor: () => ({ rootPath: 'iscsi:', bootFile: 'x', nextServer: serverIdentifier }),
    });
    for (const vendorArea of [new Uint8Array(64), Uint8Array.from({ length: 64 }, (_, index) => 64 - index)]) {
      const answer = await server.ask(request({ fields: { vendorArea } }));
      assert.ok(answer);
      const { message, datagram } = answer;
      assert.deepEqual([message.op, message.yiaddr, message.file], [2, '192.0.2.10', 'x']);
      assert.deepEqual([message.siaddr, message.vendorArea], [serverIdentifier, vendorArea]);
      assert.equal(datagram.data.length, 300);
      assert.equal(server.leases.leaseAt(message.yiaddr)?.expires, NEVER);
    }
  });
});

describe('answers', () => {
  test('are broadcast to clients without an address, and sent to the relay agent of others', async () => {
    const relayed = { ...subnet, subnet: { network: ip('198.51.100.0'), prefix: 24 } };
    const pool = { first: ip('198.51.100.20'), last: ip('198.51.100.29') };
    const server = new TestServer({ subnets: [subnet, { ...relayed, pool }] });
    assert.deepEqual((await server.ask(discover()))?.datagram.to, { address: '255.255.255.255', port: 68 });
    const relay = Uint8Array.of(1, 2, 0x70, 0x31);
    const throughRelay = (type: number, requested?: string, giaddr = '198.51.100.1') =>
      request({
        type,
        from: mac(7),
        fields: { giaddr: ip(giaddr), hops: 1 },
        options(list) {
          if (requested !== undefined) list.set(Option.requestedAddress, ip(requested));
          list.setRaw(82, relay);
        },
      });
    const offered = await server.ask(throughRelay(MessageType.discover));
    assert.deepEqual(offered?.datagram.to, { address: '198.51.100.1', port: 67 });
    assert.match(offered.message.yiaddr, /^198\.51\.100\.2[0-9]$/);
    assert.equal(offered.message.giaddr, '198.51.100.1');
    assert.deepEqual([...offered.message.options].at(-1), [82, relay]);
    const refused = await server.ask(throughRelay(MessageType.request, '192.0.2.10'));
    assert.equal(refused?.type, nak);
    assert.equal(refused.message.flags, 0x8000, 'the relay agent must broadcast a NAK');
    await server.expectSilence(throughRelay(MessageType.discover, undefined, '203.0.113.1'), 'no-subnet');
  });

  test('give options in the order of the parameter request list, as far as the message goes', async () => {
    const list = [15, 6, 3, 28];
    const server = new TestServer();
    const asking = discover(mac(1), (options) => options.set(Option.parameterRequestList, list));
    const { options } = await server.expect(asking, offer);
    assert.deepEqual(
      [...options.codes()].filter((code) => list.includes(code)),
      list,
    );
  });

  test('keep to the maximum message size of the client and report what they left out', async () => {
    const rootPath = `iscsi:${'a'.repeat(120)}.example.com::::iqn.2024-01.com.example:${'b'.repeat(150)}`;
    const bootFile = `http://boot.example.com/${'c'.repeat(200)}`;
    for (const maximum of [0, 300, 576, 700, 1500, 65_535]) {
      const server = new TestServer({ bootFor: () => ({ rootPath, bootFile, hostName: 'd'.repeat(60) }) });
      const asking = discover(mac(1), (list) => {
        list.set(Option.parameterRequestList, [17, 67, 12, 3, 6, 15, 28]);
        list.set(Option.maximumMessageSize, maximum);
      });
      const answer = await server.ask(asking);
      assert.ok(answer);
      const limit = Math.min(Math.max(maximum, 576), 1500) - 28;
      assert.ok(answer.datagram.data.length <= limit, `${answer.datagram.data.length} for ${maximum}`);
      const sent = server.events.at(-1);
      const given = [...answer.message.options.codes()];
      assert.ok(sent?.type === 'sent');
      for (const code of [17, 67, 12, 3, 6, 15, 28]) {
        assert.notEqual(given.includes(code), sent.omitted.includes(code), `option ${code} with ${maximum}`);
      }
      for (const code of [53, 54, 51, 1]) assert.ok(given.includes(code), `option ${code} is mandatory`);
      if (given.includes(17)) assert.equal(answer.message.options.get(Option.rootPath), rootPath);
    }
  });

  test('to the same question are the same', async () => {
    const server = new TestServer();
    const first = await server.ask(discover());
    const second = await server.ask(discover());
    assert.deepEqual(first?.datagram, second?.datagram);
    const address = first?.message.yiaddr ?? ip('0.0.0.0');
    assert.deepEqual((await server.ask(select(address)))?.datagram, (await server.ask(select(address)))?.datagram);
  });
});

describe('what is not for a server', () => {
  test('is ignored or reported, and never answered', async () => {
    const server = new TestServer();
    await server.expectSilence(request({ type: MessageType.offer }), 'unexpected');
    await server.expectSilence(request({ type: MessageType.request }), 'unexpected');
    await server.expectSilence(request({ type: 99 }), 'unexpected');
    const reply = encodeMessage({ ...discover(), op: 2 });
    assert.equal(await server.server.receive(reply, anywhere, 0), undefined);
    assert.equal(await server.server.receive(new Uint8Array(10), anywhere, 0), undefined);
    assert.equal(server.events.at(-1)?.type, 'malformed');
    const nobody = request({ type: MessageType.discover, fields: { hlen: 0, htype: 32 } });
    await server.expectSilence(nobody, 'no-identity');
  });

  test('a client without an Ethernet address is known by its identifier, or by its UUID', async () => {
    const server = new TestServer();
    const infiniband = (options: (list: OptionList) => unknown) =>
      request({ type: MessageType.discover, fields: { hlen: 0, htype: 32 }, options });
    const byId = infiniband((list) => list.set(Option.clientIdentifier, Uint8Array.of(255, 1, 2)));
    const uuid = '00112233-4455-6677-8899-aabbccddeeff';
    const byUuid = infiniband((list) => list.set(Option.machineIdentifier, uuid));
    const first = await server.expect(byId, offer);
    const second = await server.expect(byUuid, offer);
    assert.notEqual(first.yiaddr, second.yiaddr);
    assert.equal((await server.expect(byId, offer)).yiaddr, first.yiaddr);
  });
});
