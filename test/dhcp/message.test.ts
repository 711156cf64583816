import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../src/bytes/index.ts';
import {
  bootClient,
  ClientArchitecture,
  decodeMessage,
  dhcpMessage,
  encodeMessage,
  IpxeOption,
  MessageType,
  Option,
  OptionList,
  summary,
} from '../../src/dhcp/index.ts';
import * as captures from './captures.ts';

const { capture, ...captured } = captures;
const goldens = Object.entries(captured);

describe('messages of real programs', () => {
  for (const [name, datagram] of goldens) {
    test(`${name} is read and written byte for byte`, () => {
      assert.deepEqual(encodeMessage(decodeMessage(datagram)), datagram);
    });

    test(`${name}, cut anywhere, raises nothing but ProtocolError`, () => {
      for (let length = 0; length < datagram.length; length++) decodesOrRefuses(datagram.subarray(0, length));
    });
  }

  test('iPXE says what it is', () => {
    const message = decodeMessage(captures.ipxeDiscover);
    assert.deepEqual(bootClient(message), {
      kind: 'ipxe',
      hardwareAddress: '52:54:00:12:34:56',
      architectures: [0],
      isIpxe: true,
      isPxe: true,
      isHttp: false,
      iscsiRom: undefined,
      requestedOptions: message.options.raw(55),
      userClasses: ['iPXE'],
      vendorClass: 'PXEClient:Arch:00000:UNDI:002001',
      machineIdentifier: '00112233-4455-6677-8899-aabbccddeeff',
      hostName: undefined,
    });
    assert.deepEqual(message.options.get(Option.networkInterfaceIdentifier), { type: 1, major: 2, minor: 1 });
    // The features that it lists in option 175: iSCSI is 17.
    assert.deepEqual(message.options.get(Option.ipxe)?.raw(17), Uint8Array.of(1));
    assert.equal(message.options.get(Option.ipxe)?.has(IpxeOption.noPxedhcp), false);
  });

  test('UEFI firmware boots by PXE or by HTTP', () => {
    const pxe = bootClient(decodeMessage(captures.ovmfPxeDiscover));
    assert.deepEqual([pxe.kind, pxe.architectures, pxe.isIpxe], ['pxe', [ClientArchitecture.efiX64], false]);
    const http = bootClient(decodeMessage(captures.ovmfHttpDiscover));
    assert.deepEqual([http.kind, http.architectures, http.isIpxe], ['http', [ClientArchitecture.efiX64Http], false]);
  });

  test('an operating system is no boot client', () => {
    for (const datagram of [captures.udhcpcDiscover, captures.dhclientRequest, captures.dhcpcdDiscover]) {
      const { kind, isIpxe, isPxe, isHttp } = bootClient(decodeMessage(datagram));
      assert.deepEqual({ kind, isIpxe, isPxe, isHttp }, { kind: 'other', isIpxe: false, isPxe: false, isHttp: false });
    }
  });

  test('an offer of dnsmasq reads as it was configured', () => {
    const { options, file, siaddr, yiaddr } = decodeMessage(captures.dnsmasqOffer);
    assert.deepEqual({ file, siaddr, yiaddr }, { file: 'undionly.kpxe', siaddr: '192.0.2.1', yiaddr: '192.0.2.58' });
    assert.equal(options.get(Option.messageType), MessageType.offer);
    assert.equal(options.get(Option.leaseTime), 3600);
    assert.equal(options.get(Option.rootPath), 'iscsi:192.0.2.1::::iqn.2024-01.com.example:disk');
    // The second name points back into the first.
    assert.deepEqual(options.get(Option.domainSearch), ['example.com', 'lab.example.com']);
    assert.deepEqual(options.get(Option.classlessRoutes), [
      { destination: '10.0.0.0', prefix: 8, router: '192.0.2.254' },
    ]);
  });

  test('a summary says who asks whom for what in one line', () => {
    assert.equal(
      summary(decodeMessage(captures.ipxeDiscover)),
      'DISCOVER from 52:54:00:12:34:56, xid c9c4e731, class PXEClient:Arch:00000:UNDI:002001, architecture 0, runs iPXE',
    );
    assert.equal(
      summary(decodeMessage(captures.dnsmasqOffer)),
      'OFFER to 52:54:00:12:34:56, xid 4a5c0218, address 192.0.2.58, server 192.0.2.1, next server 192.0.2.1, ' +
        'file undionly.kpxe, root path iscsi:192.0.2.1::::iqn.2024-01.com.example:disk',
    );
  });
});

function decodesOrRefuses(datagram: Uint8Array): void {
  try {
    const message = decodeMessage(datagram);
    bootClient(message);
    summary(message);
    for (const option of Object.values(Option)) message.options.get(option as typeof Option.messageType);
  } catch (error) {
    assert.ok(error instanceof ProtocolError, String(error));
  }
}

test('a summary stays one line, whatever a client calls itself', () => {
  const options = new OptionList().set(Option.vendorClass, 'a\nOFFER to everybody\x1b[2J');
  assert.match(summary(dhcpMessage({ options })), /class a\?OFFER to everybody\?\[2J$/);
});

describe('arbitrary bytes', () => {
  test('raise nothing but ProtocolError', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 700 }), decodesOrRefuses), { numRuns: 500 });
  });

  test('raise nothing but ProtocolError as options of a good message, overload included', () => {
    const header = captures.udhcpcDiscover.subarray(0, 240);
    const property = fc.property(
      fc.uint8Array({ maxLength: 400 }),
      fc.integer({ min: 0, max: 4 }),
      (area, overload) => {
        const options = overload === 0 ? area : [52, 1, overload, ...area];
        decodesOrRefuses(Uint8Array.from([...header, ...options]));
      },
    );
    fc.assert(property, { numRuns: 2000 });
  });

  test('changed in one place of a real message, raise nothing but ProtocolError', () => {
    for (const [, datagram] of goldens) {
      for (let at = 0; at < datagram.length; at++) {
        for (const value of [0, 1, 52, 127, 255]) {
          const changed = datagram.slice();
          changed[at] = value;
          decodesOrRefuses(changed);
        }
      }
    }
  });
});

const headerOf = (message: Uint8Array) => Uint8Array.from(message.subarray(0, 240));

describe('long options and overload', () => {
  const optionLists = fc.uniqueArray(
    fc.tuple(
      fc.integer({ min: 1, max: 254 }).filter((code) => code !== 52 && code !== 82),
      fc.uint8Array({ maxLength: 600 }),
    ),
    { selector: ([code]) => code, maxLength: 8 },
  );

  test('any options survive writing and reading, byte for byte and in order', () => {
    const property = fc.property(optionLists, (entries) => {
      const options = new OptionList(entries);
      const read = decodeMessage(encodeMessage(dhcpMessage({ options }), { longest: 65_507 })).options;
      assert.deepEqual([...read], entries);
    });
    fc.assert(property);
  });

  test('whatever the limit, a message keeps to it or is refused, and all options survive', () => {
    const property = fc.property(
      optionLists,
      fc.integer({ min: 300, max: 1472 }),
      fc.boolean(),
      (entries, longest, file) => {
        const message = dhcpMessage({ options: new OptionList(entries), file: file ? 'undionly.kpxe' : '' });
        try {
          const datagram = encodeMessage(message, { longest });
          assert.ok(datagram.length <= longest);
          const read = decodeMessage(datagram);
          assert.equal(read.file, message.file);
          const sorted = (list: Iterable<readonly [number, Uint8Array]>) => [...list].sort(([a], [b]) => a - b);
          assert.deepEqual(sorted(read.options), sorted(entries));
        } catch (error) {
          assert.ok(error instanceof ProtocolError && error.code === 'DHCP_MESSAGE_TOO_LONG', String(error));
        }
      },
    );
    fc.assert(property);
  });

  test('pieces of an option are joined in the order options, file, sname', () => {
    const datagram = new Uint8Array(300);
    datagram.set(headerOf(captures.udhcpcDiscover));
    datagram.set([52, 1, 3, 67, 2, 0x61, 0x62, 255], 240);
    datagram.set([67, 1, 0x65, 255], 44); // sname
    datagram.set([67, 2, 0x63, 0x64, 12, 1, 0x78, 255], 108); // file
    const message = decodeMessage(datagram);
    assert.equal(message.options.get(Option.bootFileName), 'abcde');
    assert.equal(message.options.get(Option.hostName), 'x');
    assert.equal(message.options.has(Option.overload), false);
    assert.deepEqual([message.file, message.sname], ['', '']);
  });

  test('the option of a relay agent stays last and out of the overloaded fields', () => {
    const relay = Uint8Array.of(1, 4, 0x65, 0x74, 0x68, 0x30);
    const options = new OptionList([
      [82, relay],
      [43, new Uint8Array(250)],
      [224, new Uint8Array(100)],
      [225, new Uint8Array(50)],
    ]);
    const datagram = encodeMessage(dhcpMessage({ options }), { longest: 548 });
    const inFile = decodeMessage(datagram);
    assert.deepEqual([...inFile.options.codes()].sort(), [224, 225, 43, 82]);
    assert.deepEqual(inFile.options.raw(82), relay);
    const text = Buffer.from(datagram.subarray(240)).toString('hex');
    const end = text.indexOf(`52${'06'}${Buffer.from(relay).toString('hex')}ff`);
    assert.ok(end > 0, 'option 82 stands directly before the end of the option field');
  });

  test('bad overload values, cut options and a missing cookie are refused', () => {
    const header = headerOf(captures.udhcpcDiscover);
    const code = (...options: number[]) => {
      try {
        decodeMessage(Uint8Array.from([...header, ...options]));
        return 'read';
      } catch (error) {
        return error instanceof ProtocolError ? error.code : String(error);
      }
    };
    assert.equal(code(53, 1, 1, 255), 'read');
    assert.equal(code(53, 1, 1), 'read', 'an end is not insisted on');
    assert.equal(code(52, 1, 4, 255), 'DHCP_OVERLOAD_INVALID');
    assert.equal(code(52, 2, 1, 1, 255), 'DHCP_OVERLOAD_INVALID');
    assert.equal(code(53, 2, 1), 'DHCP_OPTIONS_TRUNCATED');
    assert.equal(code(53), 'DHCP_OPTIONS_TRUNCATED');
    header[239] = 0;
    assert.equal(code(53, 1, 1, 255), 'DHCP_COOKIE_MISSING');
    header[239] = 0x63;
    header[2] = 17;
    assert.equal(code(53, 1, 1, 255), 'DHCP_HARDWARE_ADDRESS_INVALID');
  });

  test('a BOOTP message of before there were options keeps its vendor area (RFC 951 §3)', () => {
    const datagram = new Uint8Array(300);
    datagram.set(headerOf(captures.udhcpcDiscover));
    const area = Uint8Array.from({ length: 64 }, (_, index) => index + 1);
    datagram.set(area, 236);
    const message = decodeMessage(datagram);
    assert.deepEqual(message.vendorArea, area);
    assert.equal(message.options.size, 0);
    assert.deepEqual(encodeMessage(message), datagram);
    datagram[0] = 7;
    assert.throws(() => decodeMessage(datagram), { code: 'DHCP_COOKIE_MISSING' }, 'neither a request nor a reply');
  });
});

test('what is read from a socket’s Buffer is a copy', () => {
  const options = new OptionList().set(Option.rootPath, 'iscsi:192.0.2.1::::iqn.2001-04.com.example:disk');
  const received = Buffer.from(encodeMessage(dhcpMessage({ chaddr: new Uint8Array(16).fill(7), options })));
  const message = decodeMessage(received);
  received.fill(0);
  assert.equal(message.chaddr[0], 7);
  assert.match(message.options.get(Option.rootPath) ?? '', /^iscsi:/);
});
