import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Ipv6Address, type MacAddress, ProtocolError } from '../../src/bytes/index.ts';
import {
  bootClient,
  type Dhcp6Message,
  decodeMessage,
  decodeRelayMessage,
  duidOfMac,
  duidOfUuid,
  encodeMessage,
  encodeRelayMessage,
  formatDuid,
  MessageType,
  macOfDuid,
  macOfInterfaceIdentifier,
  Option,
  OptionList,
  type RelayMessage,
  StatusCode,
  summary,
  unwrapRelays,
} from '../../src/dhcp6/index.ts';
import * as captures from './captures.ts';

const ip = (text: string) => text as Ipv6Address;
const mac = '52:54:00:12:34:56' as MacAddress;
const goldens = Object.entries(captures);

describe('messages of real programs', () => {
  for (const [name, datagram] of goldens) {
    test(`${name} is read and written byte for byte`, () => {
      const message = decodeMessage(datagram);
      assert.deepEqual(encodeMessage(message), datagram);
      for (const option of Object.values(Option)) assertWritesWhatItReads(message, option);
    });

    test(`${name}, cut anywhere, raises nothing but ProtocolError`, () => {
      for (let length = 0; length < datagram.length; length++) decodesOrRefuses(datagram.subarray(0, length));
    });
  }

  test('Kea advertises an address, name servers and the Root Path (RFC 8415 §21, RFC 5970 §3.1)', () => {
    const { type, transactionId, options } = decodeMessage(captures.keaAdvertise);
    assert.equal(type, MessageType.advertise);
    assert.equal(transactionId, 0x89c901);
    const association = options.get(Option.iaNa);
    assert.deepEqual([association?.iaid, association?.t1, association?.t2], [1, 1000, 2000]);
    const address = association?.options.get(Option.iaAddress);
    assert.deepEqual(
      [address?.address, address?.preferredLifetime, address?.validLifetime],
      ['2001:db8::100', 3000, 4000],
    );
    assert.deepEqual(options.get(Option.domainNameServers), ['2001:db8::1']);
    assert.deepEqual(options.get(Option.domainSearch), ['example.com']);
    assert.equal(options.get(Option.bootFileUrl), 'iscsi:[2001:db8::1]::::iqn.2024-01.com.example:disk');
  });

  test('dnsmasq says that all went well (RFC 8415 §21.13)', () => {
    const { options } = decodeMessage(captures.dnsmasqReply);
    assert.deepEqual(options.get(Option.statusCode), { code: StatusCode.success, message: 'success' });
  });

  test('dhcpcd says what it is', () => {
    const message = decodeMessage(captures.dhcpcdSolicit);
    const client = bootClient({ message, relays: [] }, ip('fe80::1'));
    assert.equal(client.kind, 'other');
    assert.equal(client.hardwareAddress, mac);
    assert.equal(client.vendorClass?.enterprise, 40712);
    assert.match(client.vendorClass?.text ?? '', /^dhcpcd-9\.4\.1:/);
    assert.deepEqual(client.requested, [59, 82, 83]);
  });

  test('a line tells what matters in a message', () => {
    assert.equal(
      summary(decodeMessage(captures.dhclientRequest)),
      'REQUEST, transaction b8ecbd, client 00010001329bb0c0525400123456, server 0003000152365a989817, address 2001:db8::101',
    );
  });
});

/** What one option's codec reads it writes again, byte for byte. */
function assertWritesWhatItReads(
  { options }: Dhcp6Message,
  option: {
    readonly code: number;
    readonly codec: { decode(bytes: Uint8Array): unknown; encode(value: never): Uint8Array };
  },
): void {
  const raw = options.raw(option.code);
  if (raw !== undefined) assert.deepEqual(option.codec.encode(option.codec.decode(raw) as never), raw);
}

describe('DHCP unique identifiers (RFC 8415 §11)', () => {
  test('a DUID-LL and a DUID-LLT name an Ethernet address, others none', () => {
    assert.equal(formatDuid(duidOfMac(mac)), '00030001525400123456');
    assert.equal(macOfDuid(duidOfMac(mac)), mac);
    assert.equal(macOfDuid(Buffer.from('00010001329bb0c5525400123456', 'hex')), mac);
    const others = [
      '00020000ab11525400123456',
      '0003002052540012345600112233',
      '000400',
      '00',
      '',
      '00030006525400123456',
    ];
    for (const hex of others) assert.equal(macOfDuid(Buffer.from(hex, 'hex')), undefined, hex);
  });

  test('a DUID-UUID has the bytes of the UUID in the order of its text (RFC 6355 §4)', () => {
    const duid = duidOfUuid('00112233-4455-6677-8899-aabbccddeeff');
    assert.equal(formatDuid(duid), '000400112233445566778899aabbccddeeff');
    assert.throws(() => duidOfUuid('no uuid'), { code: 'DHCP6_UUID_INVALID' });
  });

  test('an identifier that is too short or too long is no identifier (RFC 8415 §11.1)', () => {
    for (const length of [0, 2, 131]) {
      const options = new OptionList().appendRaw(Option.clientIdentifier.code, new Uint8Array(length));
      assert.throws(() => options.get(Option.clientIdentifier), { code: 'DHCP6_OPTION_INVALID' });
    }
  });

  test('an autoconfigured address has the Ethernet address in it (RFC 4291 appendix A)', () => {
    assert.equal(macOfInterfaceIdentifier(ip('fe80::5054:ff:fe12:3456')), mac);
    assert.equal(macOfInterfaceIdentifier(ip('fe80::1')), undefined);
  });
});

describe('options', () => {
  test('of a machine’s maker are kept apart by enterprise (RFC 8415 §21.17)', () => {
    const inner = new OptionList().appendRaw(201, Buffer.from('iscsi:'));
    const options = new OptionList();
    options.append(Option.vendorOptions, { enterprise: 1, options: inner });
    options.append(Option.vendorOptions, { enterprise: 2, options: new OptionList() });
    const read = decodeMessage(encodeMessage({ type: 7, transactionId: 1, options })).options.all(Option.vendorOptions);
    assert.deepEqual(
      read.map(({ enterprise, options }) => [enterprise, options.codes()]),
      [
        [1, [201]],
        [2, []],
      ],
    );
  });

  test('boot file parameters have two bytes of length before each (RFC 5970 §3.2)', () => {
    const options = new OptionList().set(Option.bootFileParameters, [Buffer.from('root=/dev/sda'), Buffer.from('')]);
    const raw = Buffer.from(options.raw(60) ?? []);
    assert.equal(raw.toString('latin1'), '\0\x0droot=/dev/sda\0\0');
  });

  test('domain names are never compressed (RFC 8415 §10)', () => {
    const compressed = new OptionList().appendRaw(24, Uint8Array.of(1, 0x61, 0, 0xc0, 0));
    assert.throws(() => compressed.get(Option.domainSearch), { code: 'DHCP6_OPTION_INVALID' });
    const names = new OptionList().set(Option.domainSearch, ['a.example', 'b.example.']);
    assert.deepEqual(names.get(Option.domainSearch), ['a.example', 'b.example']);
  });

  test('that are unknown or there twice come back as they were', () => {
    const entries = fc.array(fc.tuple(fc.nat(0xffff), fc.uint8Array({ maxLength: 300 })), { maxLength: 20 });
    fc.assert(
      fc.property(fc.nat(0xffffff), entries, (transactionId, list) => {
        const message = decodeMessage(encodeMessage({ type: 7, transactionId, options: new OptionList(list) }));
        assert.equal(message.transactionId, transactionId);
        assert.deepEqual([...message.options], list);
      }),
    );
  });
});

describe('relay agents (RFC 8415 §9)', () => {
  const relay = (hopCount: number, linkAddress: string, inner: Uint8Array): RelayMessage => ({
    type: MessageType.relayForward,
    hopCount,
    linkAddress: ip(linkAddress),
    peerAddress: ip('fe80::5054:ff:fe12:3456'),
    options: new OptionList().set(Option.interfaceIdentifier, Buffer.from('eth3')).set(Option.relayMessage, inner),
  });

  test('a message is taken out of those around it, the relay next to the client first', () => {
    const first = encodeRelayMessage(relay(0, '2001:db8:1::1', captures.dhcpcdSolicit));
    const second = encodeRelayMessage(relay(1, '::', first));
    assert.deepEqual(encodeRelayMessage(decodeRelayMessage(second)), second);
    const { message, relays } = unwrapRelays(second);
    assert.equal(message.type, MessageType.solicit);
    assert.deepEqual(
      relays.map(({ hopCount, linkAddress }) => [hopCount, linkAddress]),
      [
        [0, '2001:db8:1::1'],
        [1, '::'],
      ],
    );
  });

  test('more of them than there may be are refused (RFC 8415 §7.6)', () => {
    let message = captures.dhcpcdSolicit;
    for (let hop = 0; hop < 12; hop++) message = encodeRelayMessage(relay(hop, '::', message));
    assert.throws(() => unwrapRelays(message), { code: 'DHCP6_RELAY_INVALID' });
  });

  test('an envelope with nothing in it is refused', () => {
    const empty = { ...relay(0, '::', new Uint8Array(0)), options: new OptionList() };
    assert.throws(() => unwrapRelays(encodeRelayMessage(empty)), { code: 'DHCP6_RELAY_INVALID' });
    assert.throws(() => decodeMessage(encodeRelayMessage(empty)), { code: 'DHCP6_RELAYED' });
    assert.throws(() => decodeRelayMessage(captures.dhcpcdSolicit), { code: 'DHCP6_NOT_RELAYED' });
  });

  test('tell the client’s hardware address (RFC 6939 §5)', () => {
    const seen = relay(0, '2001:db8:1::1', captures.dhclientRequest);
    seen.options.set(Option.clientLinkLayerAddress, { type: 1, address: Buffer.from('525400aabbcc', 'hex') });
    const relayed = unwrapRelays(encodeRelayMessage(seen));
    assert.equal(bootClient(relayed, ip('2001:db8:1::1')).hardwareAddress, '52:54:00:aa:bb:cc');
  });
});

test('arbitrary and damaged bytes raise nothing but ProtocolError', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), decodesOrRefuses));
  const damaged = fc.tuple(fc.constantFrom(...goldens), fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 4 }));
  fc.assert(
    fc.property(damaged, ([[, datagram], changes]) => {
      const bytes = datagram.slice();
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      decodesOrRefuses(bytes);
    }),
    { numRuns: 1000 },
  );
});

function decodesOrRefuses(bytes: Uint8Array): void {
  try {
    const relayed = unwrapRelays(bytes);
    bootClient(relayed, ip('fe80::1'));
    summary(relayed.message);
    for (const option of Object.values(Option)) {
      relayed.message.options.find<unknown>(option);
      relayed.message.options.all<unknown>(option);
    }
  } catch (error) {
    assert.ok(error instanceof ProtocolError, String(error));
  }
}
