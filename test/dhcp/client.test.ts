import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  bootParameter,
  decodeMessage,
  encodeMessage,
  MessageType,
  messageTypeName,
  Option,
  type OptionList,
  ServerDetection,
} from '../../src/dhcp/index.ts';
import { ip, mac } from './support.ts';
import { half, type ReplyFields, reply, rootPath, TestClient } from './test-client.ts';

describe('a client without an address', () => {
  test('discovers, selects and is bound', () => {
    const client = new TestClient({ vendorClass: 'PXEClient', userClasses: ['iPXE'], architectures: [7] });
    const { sent } = client;
    assert.equal(messageTypeName(sent), 'DISCOVER');
    assert.equal(sent.flags, 0x8000, 'it hears broadcasts only');
    assert.equal(sent.options.get(Option.vendorClass), 'PXEClient');
    assert.deepEqual(sent.options.raw(77), Uint8Array.of(4, 0x69, 0x50, 0x58, 0x45));
    assert.deepEqual(sent.options.get(Option.clientArchitecture), [7]);
    assert.deepEqual(client.answer({ type: MessageType.offer, rootPath }), ['offer', 'REQUEST']);
    const request = client.sent;
    assert.equal(request.xid, sent.xid);
    assert.equal(request.options.get(Option.requestedAddress), '192.0.2.10');
    assert.equal(request.options.get(Option.serverIdentifier), '192.0.2.1');
    assert.equal(request.ciaddr, '0.0.0.0');
    assert.deepEqual(client.answer({ type: MessageType.ack }), ['bound']);
    assert.equal(client.lease.address, '192.0.2.10');
    assert.equal(bootParameter(client.lease, Option.rootPath), rootPath, 'given in the offer only');
    assert.deepEqual([client.lease.renewAt, client.lease.rebindAt, client.lease.expiresAt], [1.8e6, 3.15e6, 3.6e6]);
  });

  test('waits for better offers and says why it takes which', () => {
    const choose = (...offers: ReplyFields[]) => {
      const client = new TestClient();
      for (const offer of offers) client.answer(offer);
      if (client.client.state === 'selecting') client.next();
      client.answer({ type: MessageType.ack, server: client.sent.options.get(Option.serverIdentifier) ?? '' });
      return [client.lease.serverIdentifier, client.lease.reason];
    };
    const plain: ReplyFields = { type: MessageType.offer, server: '192.0.2.1' };
    const booting: ReplyFields = { type: MessageType.offer, server: '192.0.2.2', file: 'pxelinux.0' };
    const nfs: ReplyFields = { type: MessageType.offer, server: '192.0.2.3', rootPath: '/srv/root' };
    const iscsi: ReplyFields = { type: MessageType.offer, server: '192.0.2.4', rootPath };
    assert.deepEqual(choose(plain), ['192.0.2.1', 'is the only one']);
    assert.deepEqual(choose(plain, nfs), ['192.0.2.1', 'came first']);
    assert.deepEqual(choose(plain, booting), ['192.0.2.2', 'names a boot file']);
    assert.deepEqual(choose(plain, booting, iscsi), ['192.0.2.4', 'carries an iscsi: root path']);
    const bootp: ReplyFields = { type: undefined, options: (l) => l.setRaw(250, new Uint8Array(1)) };
    assert.deepEqual(choose(bootp, { ...plain, server: '192.0.2.5' }), ['192.0.2.5', 'came first'], 'RFC 1534 §3');
    const slp: ReplyFields = {
      ...{ type: MessageType.offer, server: '192.0.2.6' },
      options: (l) => l.set(Option.slpDirectoryAgents, { mandatory: false, addresses: [ip('192.0.2.53')] }),
    };
    assert.deepEqual(choose(booting, slp), ['192.0.2.6', 'names servers to find the disk by (SLP, iSNS)']);
    const nameless: ReplyFields = { ...iscsi, server: '192.0.2.7', rootPath: 'iscsi:::::iqn.2001-04.com.example:d' };
    assert.deepEqual(choose(slp, nameless), ['192.0.2.7', 'carries an iscsi: root path without a server']);
    assert.deepEqual(choose(nameless, iscsi), ['192.0.2.4', 'carries an iscsi: root path']);
    const vendor = (vendorClass: string): ReplyFields => ({
      ...{ type: MessageType.offer, server: '192.0.2.8' },
      options: (l) =>
        l.set(Option.vendorClass, vendorClass).setRaw(43, Uint8Array.of(201, 6, ...Buffer.from('iscsi:'))),
    });
    assert.deepEqual(choose(slp, vendor('BRCM ISAN')), ['192.0.2.8', 'names a disk in option 43']);
    assert.deepEqual(choose(plain, vendor('Other')), ['192.0.2.1', 'came first'], 'option 43 of another vendor class');
  });

  test('tells what speaks for each of the offers that it could take', () => {
    const client = new TestClient();
    client.answer({ type: MessageType.offer, server: '192.0.2.1' });
    client.answer({ type: MessageType.offer, server: '192.0.2.2' });
    client.answer({ type: MessageType.offer, server: '192.0.2.3', file: 'pxelinux.0' });
    client.next();
    const chosen = client.actions.find(({ type }) => type === 'chosen');
    assert.ok(chosen?.type === 'chosen');
    assert.deepEqual(
      chosen.ranking.map(({ message, reason }) => [message.options.get(Option.serverIdentifier), reason]),
      [
        ['192.0.2.3', 'names a boot file'],
        ['192.0.2.1', 'came first'],
        ['192.0.2.2', 'came later'],
      ],
    );
  });

  test('a flood of offers does not push out the one that helps', () => {
    const client = new TestClient();
    const flood = (from: number, count: number) => {
      for (let at = from; at < from + count; at++) {
        client.answer({ type: MessageType.offer, server: `198.51.100.${at % 250}`, yiaddr: `203.0.113.${at % 250}` });
      }
    };
    flood(1, 200);
    client.answer({ type: MessageType.offer, server: '192.0.2.1', file: 'pxelinux.0' });
    flood(201, 200);
    assert.ok(client.actions.length < 50, `${client.actions.length} actions`);
    client.next();
    assert.equal(client.sent.options.get(Option.serverIdentifier), '192.0.2.1');
  });

  test('an ACK that is not what was offered is not taken, and named in the end (RFC 2131 §4.3.2)', () => {
    const changes: readonly (readonly [ReplyFields, RegExp])[] = [
      [{ type: MessageType.ack, yiaddr: '192.0.2.99', rootPath }, /offered 192\.0\.2\.10 and confirmed 192\.0\.2\.99/],
      [{ type: MessageType.ack, rootPath: rootPath.replace('disk', 'trap') }, /another root path \(option 17\)/],
      [
        { type: MessageType.ack, rootPath, options: (l) => l.set(Option.initiatorName, 'iqn.2001-04.com.example:you') },
        /another iSCSI initiator name/,
      ],
    ];
    const offer: ReplyFields = {
      ...{ type: MessageType.offer, rootPath },
      options: (l) => l.set(Option.initiatorName, 'iqn.2001-04.com.example:me'),
    };
    for (const [ack, message] of changes) {
      const client = new TestClient({ timeout: 30_000 });
      client.answer(offer);
      assert.deepEqual(client.answer(ack), ['discarded']);
      while (client.last?.type !== 'failed') client.next();
      assert.equal(client.last.error.code, 'DHCP_ACK_CHANGED');
      assert.match(client.last.error.message, message);
      assert.equal(client.now, 30_000);
    }
  });

  test('says what was wrong with the only answers that it heard', () => {
    const client = new TestClient({ timeout: 5000 });
    const stranger = { ...client.sent, chaddr: new Uint8Array(16).fill(2) };
    for (let count = 0; count < 100; count++) client.receive(reply(stranger, { type: MessageType.offer, rootPath }));
    while (client.last?.type !== 'failed') client.next();
    assert.equal(client.last.error.code, 'DHCP_NO_OFFER');
    assert.match(client.last.error.message, /192\.0\.2\.1 is for another client \(02:02:02:02:02:02\)/);
    assert.ok(client.actions.length < 30, 'a flood is not told in full');
  });

  test("takes the root path of a proxy beside another server's address", () => {
    const client = new TestClient();
    client.answer({ type: MessageType.offer });
    const proxyOffer: ReplyFields = { type: MessageType.offer, yiaddr: '0.0.0.0', server: '192.0.2.9', rootPath };
    assert.deepEqual(client.answer(proxyOffer), ['offer', 'REQUEST']);
    assert.equal(client.sent.options.get(Option.serverIdentifier), '192.0.2.1');
    client.answer({ type: MessageType.ack });
    assert.equal(bootParameter(client.lease, Option.rootPath), rootPath);
  });

  test('prefers of two proxies the one that names a disk', () => {
    const client = new TestClient();
    client.answer({ type: MessageType.offer, yiaddr: '0.0.0.0', server: '192.0.2.8', file: 'pxelinux.0' });
    client.answer({ type: MessageType.offer, yiaddr: '0.0.0.0', server: '192.0.2.9', rootPath });
    client.answer({ type: MessageType.offer });
    client.answer({ type: MessageType.ack });
    assert.equal(bootParameter(client.lease, Option.rootPath), rootPath);
  });

  test('goes on discovering while only a proxy answers', () => {
    const client = new TestClient();
    client.answer({ type: MessageType.offer, yiaddr: '0.0.0.0', server: '192.0.2.9', rootPath });
    assert.deepEqual(client.next(), ['DISCOVER']);
    assert.deepEqual(client.answer({ type: MessageType.offer }), ['offer', 'REQUEST']);
  });

  test('repeats itself ever more slowly and gives up with one clear error', () => {
    const client = new TestClient({ timeout: 60_000 });
    const times: number[] = [];
    while (client.last?.type !== 'failed') {
      client.next();
      times.push(client.now);
    }
    // 4, 8, 16 and 32 s after one another (the spread of a second is in its middle), then the end.
    assert.deepEqual(times, [4000, 12_000, 28_000, 60_000]);
    assert.equal(client.last.error.code, 'DHCP_NO_OFFER');
    assert.equal(client.client.deadline, undefined);
  });

  test('tells when a server offers and never confirms, and asks others again', () => {
    const client = new TestClient({ timeout: 100_000 });
    client.answer({ type: MessageType.offer, rootPath });
    const said: string[] = [];
    while (client.last?.type !== 'failed') said.push(...client.next());
    assert.deepEqual(said.slice(0, 2), ['REQUEST', 'DISCOVER']);
    assert.equal(client.last.error.code, 'DHCP_NO_ACK');
    assert.match(client.last.error.message, /192\.0\.2\.1/);
  });

  test('starts again after a NAK, not at full speed, and names the refusal when it gives up', () => {
    const client = new TestClient({ timeout: 5000 });
    client.answer({ type: MessageType.offer, rootPath });
    const refusal = {
      type: MessageType.nak,
      options: (list: OptionList) => list.set(Option.message, 'no such client'),
    };
    assert.deepEqual(client.answer(refusal), ['nak']);
    assert.deepEqual(client.next(), ['DISCOVER']);
    assert.equal(client.now, 1000);
    while (client.last?.type !== 'failed') client.next();
    assert.equal(client.last.error.code, 'DHCP_REFUSED');
    assert.match(client.last.error.message, /no such client/);
  });

  test('drops what is not an answer to its own question', () => {
    const own = Uint8Array.of(1, 2, 3);
    const client = new TestClient({ clientIdentifier: own });
    const { sent } = client;
    const others: [string, Uint8Array][] = [
      ['another transaction', reply({ ...sent, xid: sent.xid ^ 1 }, { type: MessageType.offer })],
      ['a request', encodeMessage(sent)],
      ['an ACK out of turn', reply(sent, { type: MessageType.ack })],
      ['noise', new Uint8Array(300).fill(0x63)],
    ];
    for (const [what, datagram] of others) assert.deepEqual(client.receive(datagram), [], what);
    const strange: [string, Uint8Array][] = [
      ['another client', reply({ ...sent, chaddr: new Uint8Array(16).fill(1) }, { type: MessageType.offer })],
      ["another client's identifier", reply(sent, { type: 2, options: (l) => l.setRaw(61, Uint8Array.of(1, 2)) })],
      ['a lease time of three bytes', reply(sent, { type: 2, options: (l) => l.setRaw(51, new Uint8Array(3)) })],
    ];
    for (const [what, datagram] of strange) assert.deepEqual(client.receive(datagram), ['discarded'], what);
    assert.equal(client.client.state, 'selecting');
    const echoed: ReplyFields = { type: MessageType.offer, options: (list) => list.setRaw(61, own) };
    assert.deepEqual(client.answer(echoed), ['offer']);
  });

  test('takes the answer of a BOOTP server for good', () => {
    const client = new TestClient();
    assert.deepEqual(client.answer({ type: undefined, rootPath }), ['offer', 'bound']);
    assert.equal(client.lease.expiresAt, Number.POSITIVE_INFINITY);
    assert.equal(client.client.deadline, undefined);
  });

  test('by BOOTP asks without any option and takes the first answer for good (RFC 951, RFC 1534 §3)', () => {
    const client = new TestClient({ question: { kind: 'bootp' } });
    const last = client.last;
    assert.ok(last?.type === 'send');
    assert.equal(last.datagram.data.length, 300, 'the length of BOOTP (RFC 1542 §2.1)');
    assert.equal(client.sent.options.size, 0);
    assert.deepEqual(client.answer({ type: MessageType.offer, rootPath }), [], 'DHCP was not asked');
    assert.deepEqual(client.answer({ type: undefined, yiaddr: '0.0.0.0', rootPath }), ['offer'], 'no address');
    assert.deepEqual(client.answer({ type: undefined, rootPath }), ['offer', 'bound']);
    assert.deepEqual([client.lease.address, client.lease.expiresAt], ['192.0.2.10', Number.POSITIVE_INFINITY]);
  });

  test('any datagrams raise nothing', () => {
    const client = new TestClient();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => void client.receive(noise)));
  });
});

describe('a client that asks for parameters alone', () => {
  const own = ip('192.0.2.77');
  const question = { kind: 'inform', address: own } as const;

  test('tells its address, and takes the first answer that helps for good (RFC 2131 §4.4.3)', () => {
    const client = new TestClient({ question });
    assert.equal(messageTypeName(client.sent), 'INFORM');
    assert.deepEqual([client.sent.ciaddr, client.sent.flags, client.to], [own, 0, '255.255.255.255']);
    assert.equal(client.sent.options.has(Option.requestedAddress), false);
    assert.equal(client.sent.options.has(Option.leaseTime), false);
    assert.deepEqual(client.answer({ type: MessageType.offer, yiaddr: '192.0.2.10', rootPath }), []);
    assert.deepEqual(client.answer({ type: MessageType.ack, yiaddr: '0.0.0.0', rootPath }), ['offer', 'bound']);
    assert.deepEqual([client.lease.address, client.client.deadline], [own, undefined]);
    assert.equal(bootParameter(client.lease, Option.rootPath), rootPath);
  });

  test('takes the best of several answers, and gives up when there is none', () => {
    const client = new TestClient({ question });
    client.answer({ type: MessageType.ack, yiaddr: '0.0.0.0', server: '192.0.2.8' });
    client.answer({ type: MessageType.ack, yiaddr: '0.0.0.0', server: '192.0.2.9', file: 'pxelinux.0' });
    assert.deepEqual(client.next(), ['chosen', 'bound']);
    assert.equal(client.lease.serverIdentifier, '192.0.2.9');
    const alone = new TestClient({ question, timeout: 5000 });
    assert.deepEqual(alone.next(), ['INFORM']);
    while (alone.last?.type !== 'failed') alone.next();
    assert.equal(alone.last.error.code, 'DHCP_NO_OFFER');
  });
});

describe('a client with an address', () => {
  test('renews at T1 by unicast, rebinds at T2 by broadcast, and loses the address at the end', () => {
    const client = new TestClient();
    client.bind(3600);
    assert.deepEqual(client.next(), ['REQUEST']);
    assert.deepEqual([client.now, client.to, client.sent.ciaddr], [1_800_000, '192.0.2.1', '192.0.2.10']);
    assert.equal(client.sent.options.has(Option.serverIdentifier), false);
    assert.equal(client.sent.options.has(Option.requestedAddress), false);
    while (client.client.state === 'renewing') client.next();
    assert.equal(client.client.state, 'rebinding');
    assert.deepEqual([client.now, client.to], [3_150_000, '255.255.255.255']);
    const said: string[] = [];
    while (!said.includes('lost')) said.push(...client.next());
    assert.equal(client.now, 3_600_000);
    assert.deepEqual(said.slice(-2), ['lost', 'DISCOVER']);
  });

  test('counts the new lease from when it asked', () => {
    const client = new TestClient();
    client.bind(3600);
    client.next();
    client.now += 5000;
    assert.deepEqual(client.answer({ type: MessageType.ack }), ['renewed']);
    assert.equal(client.lease.expiresAt, 1_800_000 + 3_600_000);
    assert.equal(bootParameter(client.lease, Option.rootPath), rootPath, 'from the offer, still');
  });

  test('loses it at once by a NAK', () => {
    const client = new TestClient();
    client.bind();
    client.next();
    assert.deepEqual(client.answer({ type: MessageType.nak }), ['nak', 'lost']);
    assert.deepEqual(client.next(), ['DISCOVER']);
  });

  test('does not take another address for its own when it renews', () => {
    const client = new TestClient();
    client.bind();
    client.next();
    assert.deepEqual(client.answer({ type: MessageType.ack, yiaddr: '192.0.2.99' }), ['discarded']);
    assert.equal(client.client.state, 'renewing');
    assert.deepEqual(client.answer({ type: MessageType.ack }), ['renewed']);
  });

  test('keeps a lease without end without ever asking', () => {
    const client = new TestClient();
    client.bind(0xffff_ffff);
    assert.equal(client.client.deadline, undefined);
    const timed = new TestClient();
    timed.answer({ type: MessageType.offer, rootPath });
    const options = (list: OptionList) => list.set(Option.renewalTime, 600);
    assert.deepEqual(timed.answer({ type: MessageType.ack, leaseTime: 0xffff_ffff, options }), ['bound']);
    assert.equal(timed.client.deadline, undefined, 'whatever T1 says');
  });

  test('gives it back, or says that somebody else uses it', () => {
    const released = new TestClient();
    released.bind();
    const [release] = released.client.release();
    assert.ok(release?.type === 'send');
    assert.equal(messageTypeName(release.message), 'RELEASE');
    assert.deepEqual([release.message.ciaddr, release.datagram.to.address], ['192.0.2.10', '192.0.2.1']);
    assert.equal(released.client.deadline, undefined);
    const declined = new TestClient();
    declined.bind();
    const [decline] = declined.client.decline(0);
    assert.ok(decline?.type === 'send');
    assert.equal(messageTypeName(decline.message), 'DECLINE');
    assert.equal(decline.message.options.get(Option.requestedAddress), '192.0.2.10');
    assert.deepEqual(declined.next(), ['DISCOVER']);
    assert.equal(declined.now, 10_000);
  });

  test('of before asks whether it still holds, and discovers when nobody says so', () => {
    const client = new TestClient({ previousAddress: ip('192.0.2.77') });
    assert.equal(messageTypeName(client.sent), 'REQUEST');
    assert.equal(client.sent.options.get(Option.requestedAddress), '192.0.2.77');
    assert.equal(client.sent.options.has(Option.serverIdentifier), false);
    assert.deepEqual([...client.next(), ...client.next()], ['REQUEST', 'DISCOVER']);
    const confirmed = new TestClient({ previousAddress: ip('192.0.2.77') });
    assert.deepEqual(confirmed.answer({ type: MessageType.ack, yiaddr: '192.0.2.77' }), ['bound']);
    const refused = new TestClient({ previousAddress: ip('192.0.2.77') });
    assert.deepEqual(refused.answer({ type: MessageType.nak }), ['nak']);
    assert.deepEqual(refused.next(), ['DISCOVER']);
  });
});

describe('the search for servers', () => {
  const options = { hardwareAddress: mac(1), window: 3000, ignore: [ip('192.0.2.99')] };
  const from = { address: '192.0.2.1', port: 67 };

  test('asks twice, collects offers until the window ends, and ignores its own', () => {
    const detection = new ServerDetection(options, half);
    const [first] = detection.start(0);
    assert.ok(first);
    const asked = decodeMessage(first.data);
    assert.equal(messageTypeName(asked), 'DISCOVER');
    detection.receive(reply(asked, { type: MessageType.offer, server: '192.0.2.1' }), from);
    detection.receive(reply(asked, { type: MessageType.offer, server: '192.0.2.1' }), from);
    detection.receive(reply(asked, { type: MessageType.offer, server: '192.0.2.2', yiaddr: '0.0.0.0' }), from);
    detection.receive(reply(asked, { type: MessageType.offer, server: '192.0.2.99' }), from);
    detection.receive(reply({ ...asked, xid: 7 }, { type: MessageType.offer, server: '192.0.2.3' }), from);
    detection.receive(reply(asked, { type: MessageType.nak, server: '192.0.2.4' }), from);
    detection.receive(new Uint8Array(20), from);
    assert.equal(detection.deadline, 1500);
    assert.deepEqual(detection.poll(1499), []);
    assert.equal(detection.poll(1500).length, 1);
    assert.equal(detection.deadline, 3000);
    assert.deepEqual(detection.poll(3000), []);
    assert.equal(detection.isDone, true);
    const found = detection.servers.map(({ serverIdentifier, kind }) => `${serverIdentifier} ${kind}`);
    assert.deepEqual(found, ['192.0.2.1 address', '192.0.2.2 proxy']);
  });
});
