import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ipv6ToBytes } from '../../src/bytes/index.ts';
import {
  type BootAnswer,
  type Dhcp6Message,
  decodeMessage,
  decodeRelayMessage,
  duidOfMac,
  encodeMessage,
  encodeRelayMessage,
  MessageType,
  Option,
  OptionList,
  StatusCode,
  unwrapRelays,
} from '../../src/dhcp6/index.ts';
import {
  addressOf,
  ip,
  mac,
  message,
  own,
  rebind,
  renew,
  request,
  serverIdentifier,
  solicit,
  somewhere,
  TestServer,
  url,
} from './test-server.ts';

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

  test('what is for all servers, when it is sent to one alone', async () => {
    const confirm = message(MessageType.confirm, { ias: [{ addresses: ['2001:db8::11'] }] });
    for (const asked of [solicit(), confirm, rebind('2001:db8::11'), message(MessageType.informationRequest)]) {
      const server = new TestServer();
      assert.equal(await server.datagram(encodeMessage(asked), somewhere, 'unicast'), undefined);
      const last = server.events.at(-1);
      assert.equal(last?.type === 'ignored' && last.reason, 'unicast');
    }
  });

  test('an envelope of a server’s own making', async () => {
    const options = new OptionList().set(Option.relayMessage, encodeMessage(solicit()));
    const addresses = { linkAddress: ip('2001:db8::2'), peerAddress: ip('fe80::1') };
    const reply = encodeRelayMessage({ type: MessageType.relayReply, hopCount: 0, ...addresses, options });
    const server = new TestServer();
    assert.equal(await server.datagram(reply), undefined);
    const last = server.events.at(-1);
    assert.equal(last?.type === 'ignored' && last.reason, 'unexpected');
  });

  test('an IA whose inside is no option is malformed', async () => {
    const server = new TestServer();
    const broken = message(MessageType.request, { to: serverIdentifier });
    broken.options.appendRaw(Option.iaNa.code, new Uint8Array(15));
    assert.equal(await server.silent(broken), 'malformed');
  });
});

describe('every answer', () => {
  test('tells a client that asks this server alone to ask all, and does nothing else (RFC 8415 §18.4)', async () => {
    for (const type of [MessageType.request, MessageType.renew, MessageType.release, MessageType.decline]) {
      const server = new TestServer();
      const address = await server.bind();
      const asked = message(type, { to: serverIdentifier, ias: [{ addresses: [address] }] });
      const reply = await server.datagram(encodeMessage(asked), somewhere, 'unicast');
      assert.ok(reply !== undefined);
      const { options } = decodeMessage(reply.data);
      assert.deepEqual(options.codes(), [1, 2, 13]);
      assert.equal(options.get(Option.statusCode)?.code, StatusCode.useMulticast);
      assert.equal(server.leases.leaseAt(address)?.state, 'bound');
    }
  });

  test('has the same T1 and T2 in all IAs (RFC 8415 §18.3.2, §18.3.4, §18.3.5)', async () => {
    const server = new TestServer();
    const ias = [{ iaid: 1 }, { iaid: 2 }];
    for (const asked of [request({ ias }), message(MessageType.renew, { to: serverIdentifier, ias })]) {
      const times = (await server.ask(asked)).options.all(Option.iaNa).map(({ t1, t2 }) => [t1, t2]);
      assert.deepEqual(times, [
        [1500, 2400],
        [1500, 2400],
      ]);
    }
  });

  test('is made although there are options that nobody knows (RFC 8415 §16)', async () => {
    const options = (list: OptionList) =>
      list.appendRaw(65_001, Uint8Array.of(1)).set(Option.vendorClass, { enterprise: 99, items: [Buffer.from('?')] });
    assert.ok(addressOf(await new TestServer().ask(request({ options }))));
  });

  test('has each option that is asked for and known, and none that is not (RFC 8415 §18.3, §18.3.9)', async () => {
    const options = (list: OptionList) => list.set(Option.optionRequest, [24, 23, 56, 82]);
    for (const asked of [solicit({ options }), request({ options })]) {
      const codes = (await new TestServer().ask(asked)).options.codes();
      assert.deepEqual(
        codes.filter((code) => [23, 24, 56, 82].includes(code)),
        [24, 23],
      );
    }
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
