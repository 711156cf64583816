import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ipv6ToBytes } from '../../src/bytes/index.ts';
import {
  type BootAnswer,
  type Dhcp6Message,
  decodeRelayMessage,
  duidOfMac,
  encodeMessage,
  encodeRelayMessage,
  MessageType,
  Option,
  OptionList,
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
