/** Where a boot's parameters are found in what DHCP servers say. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type ParameterName, parametersOf, refuseUnusable } from '../../src/boot/dhcp-parameters.ts';
import { emulexInitiatorName, emulexRootPath, parseEmulexBootString } from '../../src/boot/emulex-boot-string.ts';
import { DisklessError, ProtocolError } from '../../src/bytes/index.ts';
import type { DhcpLease } from '../../src/dhcp/client/lease.ts';
import { dhcpMessage, MessageType } from '../../src/dhcp/message.ts';
import { IpxeOption, IsanOption, Option, vendorOptions } from '../../src/dhcp/option.ts';
import { OptionList } from '../../src/dhcp/option-list.ts';
import { formatRootPath } from '../../src/iscsi/root-path.ts';
import { ip } from './simulated-lan.ts';

type Given = (list: OptionList) => unknown;

function message(type: number, server: string, given: Given = () => {}) {
  const options = new OptionList().set(Option.messageType, type).set(Option.serverIdentifier, ip(server));
  given(options);
  return dhcpMessage({ op: 2, yiaddr: ip('192.0.2.50'), options });
}

function lease(ack: Given, offer?: Given, proxy?: Given): DhcpLease {
  return {
    address: ip('192.0.2.50'),
    serverIdentifier: ip('192.0.2.1'),
    reply: message(MessageType.ack, '192.0.2.1', ack),
    offer: offer && message(MessageType.offer, '192.0.2.1', offer),
    proxyOffer: proxy && message(MessageType.offer, '192.0.2.9', proxy),
    ...{ reason: 'came first', key: undefined, renewAt: 1, rebindAt: 2, expiresAt: 3 },
  };
}

const path = 'iscsi:192.0.2.5:6:3260:1:iqn.2001-04.com.example:disk';
const second = 'iscsi:192.0.2.6:6:3260:1:iqn.2001-04.com.example:disk';
const name = 'iqn.2001-04.com.example:me';
const isan = (vendorClass: string) => (list: OptionList) =>
  list
    .set(Option.vendorClass, vendorClass)
    .set(
      vendorOptions,
      new OptionList()
        .set(IsanOption.firstTarget, path)
        .set(IsanOption.secondTarget, second)
        .set(IsanOption.initiatorName, name),
    );

function shown(found: ReturnType<typeof parametersOf>['rootPath']) {
  return found && [formatRootPath(found.value), found.origin];
}

describe('the Root Path', () => {
  test('is in option 17, of the ACK, else of the offer, else of a proxy (RFC 4173 §5)', () => {
    const given = (text: string) => (list: OptionList) => list.set(Option.rootPath, text);
    const { rootPath } = parametersOf(lease(given(path), given(second), given(second)));
    assert.deepEqual(shown(rootPath), [path, 'option 17 (root path) of the ACK of 192.0.2.1']);
    const offered = parametersOf(lease(given('/srv/nfs'), given(path))).rootPath;
    assert.deepEqual(shown(offered), [path, 'option 17 (root path) of the offer of 192.0.2.1']);
    const proxied = parametersOf(lease(() => {}, undefined, given(path))).rootPath;
    assert.deepEqual(shown(proxied), [path, 'option 17 (root path) of the proxyDHCP offer of 192.0.2.9']);
    assert.equal(parametersOf(lease(given('/srv/nfs'))).rootPath, undefined);
  });

  test('is in sub-option 201 of option 43 under the vendor class of its makers, with a second one in 202', () => {
    for (const vendorClass of ['BRCM ISAN', 'QLGC ISAN']) {
      const found = parametersOf(lease(isan(vendorClass)));
      assert.deepEqual(shown(found.rootPath), [
        path,
        'sub-option 201 (first target) of option 43 of the ACK of 192.0.2.1',
      ]);
      assert.equal(shown(found.secondRootPath)?.[0], second);
      assert.equal(found.initiatorName?.value, name);
    }
    const foreign = parametersOf(lease(isan('PXEClient')));
    assert.deepEqual([foreign.rootPath, foreign.initiatorName], [undefined, undefined]);
  });

  test('is the text of option 43 in the form of Emulex', () => {
    const text = `iscsi:"192.0.2.5":"3260":"0001000000000000":"iqn.2001-04.com.example:disk":"${name}":"N":"N":"0"`;
    const found = parametersOf(lease((list) => list.setRaw(43, Buffer.from(text))));
    const expected = 'iscsi:192.0.2.5::3260:1:iqn.2001-04.com.example:disk';
    assert.deepEqual(shown(found.rootPath), [expected, 'the boot string in option 43 of the ACK of 192.0.2.1']);
    assert.equal(found.initiatorName?.value, name);
  });

  test('joined from several instances of an option it is one (RFC 3396 §5)', () => {
    const long = `iscsi:${'a.'.repeat(100)}example.com::::iqn.2001-04.com.example:${'d'.repeat(180)}`;
    assert.ok(long.length > 255);
    const bytes = Buffer.from(long);
    const list: Given = (options) => options.append(17, bytes.subarray(0, 255)).append(17, bytes.subarray(255));
    assert.equal(shown(parametersOf(lease(list)).rootPath)?.[0], long);
  });
});

describe('a place that cannot be used', () => {
  const emulex = (text: string) => (list: OptionList) => list.setRaw(43, Buffer.from(text));
  const rootPath = (text: string) => (list: OptionList) => list.set(Option.rootPath, text);
  const both = (first: Given, second: Given) => (list: OptionList) => [first(list), second(list)];
  const passedOver = ({ unusable }: ReturnType<typeof parametersOf>) =>
    unusable.map(({ parameter, origin, error }) => [parameter, origin, error.code]);
  const refused = (given: Given, code: string, known: readonly ParameterName[] = []) =>
    assert.throws(() => refuseUnusable(parametersOf(lease(given)), known), { code });
  const fine = (given: Given, known: readonly ParameterName[] = []) => {
    const found = parametersOf(lease(given));
    refuseUnusable(found, known);
    return found;
  };
  const fromEmulex = 'the boot string in option 43 of the ACK of 192.0.2.1';
  const bad = 'iscsi:192.0.2.5:17:::iqn.2001-04.com.example:disk';

  test('is passed over where another has the Root Path', () => {
    const noTarget = fine(both(rootPath(path), emulex(`iscsi:"192.0.2.7":"3260":"":"":"${name}"`)));
    assert.deepEqual(shown(noTarget.rootPath)?.[0], path);
    assert.equal(noTarget.initiatorName?.value, name, 'what else it says counts');
    assert.deepEqual(passedOver(noTarget), [['rootPath', fromEmulex, 'EMULEX_BOOT_STRING']]);
    const noForm = fine(both(rootPath(path), emulex('iscsi:"192.0.2.7":3260')));
    assert.deepEqual([shown(noForm.rootPath)?.[0], noForm.initiatorName], [path, undefined]);
    assert.deepEqual(passedOver(noForm), [['rootPath', fromEmulex, 'EMULEX_BOOT_STRING']]);
    const vendors = fine(both(isan('BRCM ISAN'), rootPath(bad)));
    assert.deepEqual(
      shown(vendors.rootPath)?.[1],
      'sub-option 201 (first target) of option 43 of the ACK of 192.0.2.1',
    );
    assert.deepEqual(passedOver(vendors), [
      ['rootPath', 'option 17 (root path) of the ACK of 192.0.2.1', 'ROOT_PATH_PROTOCOL'],
    ]);
    const offered = parametersOf(lease(rootPath(bad), rootPath(path)));
    assert.deepEqual(shown(offered.rootPath)?.[1], 'option 17 (root path) of the offer of 192.0.2.1');
  });

  test('is refused where it is the only one, and the user has not said it', () => {
    refused(rootPath(bad), 'ROOT_PATH_PROTOCOL');
    refused(emulex('iscsi:"192.0.2.7":"3260":"":""'), 'EMULEX_BOOT_STRING');
    refused(emulex('iscsi:"192.0.2.7":3260'), 'EMULEX_BOOT_STRING');
    fine(rootPath(bad), ['rootPath']);
    const misnamed = both(rootPath(path), (list) => list.set(Option.initiatorName, 'me'));
    refused(misnamed, 'ISCSI_NAME_TYPE');
    refused(misnamed, 'ISCSI_NAME_TYPE', ['rootPath']);
    fine(misnamed, ['initiatorName']);
  });

  test('is passed over where another has the initiator’s name', () => {
    const { initiatorName } = fine(both(isan('BRCM ISAN'), (list) => list.set(Option.initiatorName, 'me')));
    assert.equal(initiatorName?.value, name);
  });

  test('is passed over where it is the second way to a disk', () => {
    const second = (list: OptionList) => {
      const options = new OptionList().set(IsanOption.firstTarget, path).set(IsanOption.secondTarget, bad);
      return list.set(Option.vendorClass, 'BRCM ISAN').set(vendorOptions, options);
    };
    const found = fine(second);
    assert.deepEqual([shown(found.rootPath)?.[0], found.secondRootPath], [path, undefined]);
    assert.deepEqual(passedOver(found), [
      ['secondRootPath', 'sub-option 202 (second target) of option 43 of the ACK of 192.0.2.1', 'ROOT_PATH_PROTOCOL'],
    ]);
  });
});

describe('other parameters', () => {
  test('the initiator name of option 203 counts more than that of option 43', () => {
    const both: Given = (list) => {
      isan('BRCM ISAN')(list);
      list.set(Option.initiatorName, 'iqn.2001-04.com.example:top');
    };
    const { initiatorName } = parametersOf(lease(both));
    assert.equal(initiatorName?.value, 'iqn.2001-04.com.example:top');
    assert.equal(initiatorName?.origin, 'option 203 (iSCSI initiator name) of the ACK of 192.0.2.1');
  });

  test('CHAP comes from the options of iPXE: each name with its password, the target’s only beside the initiator’s', () => {
    const chap = (list: OptionList) => parametersOf(lease((all) => all.set(Option.ipxe, list))).chap?.value;
    const one = new OptionList().set(IpxeOption.username, 'me').set(IpxeOption.password, 'secret-of-me');
    assert.deepEqual(chap(one), { initiator: { name: 'me', secret: Uint8Array.from(Buffer.from('secret-of-me')) } });
    const both = new OptionList(one).set(IpxeOption.reverseUsername, 'disk').set(IpxeOption.reversePassword, 'other');
    assert.equal(chap(both)?.target?.name, 'disk');
    assert.equal(chap(new OptionList().set(IpxeOption.username, 'me')), undefined);
    const reverse = new OptionList().set(IpxeOption.reverseUsername, 'disk').set(IpxeOption.reversePassword, 'other');
    assert.equal(chap(reverse), undefined);
  });

  test('what is plain keeps its origin too', () => {
    const agents = { mandatory: true, addresses: [ip('192.0.2.53')] };
    const given = (list: OptionList) =>
      list
        .set(Option.hostName, 'node1')
        .set(Option.domainNameServers, [ip('192.0.2.2')])
        .set(Option.slpDirectoryAgents, agents);
    const { plain } = parametersOf(lease(given));
    assert.deepEqual(plain.hostName, { value: 'node1', origin: 'option 12 (host name) of the ACK of 192.0.2.1' });
    assert.deepEqual(plain.slpDirectoryAgents?.value, agents);
    assert.deepEqual(Object.keys(plain).sort(), ['domainNameServers', 'hostName', 'slpDirectoryAgents']);
  });

  test('any options raise nothing but errors of this project', () => {
    const codes = fc.constantFrom(3, 12, 17, 43, 60, 78, 79, 83, 119, 121, 175, 203);
    const values = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.string({ maxLength: 40 }).map((text) => Buffer.from(`iscsi:${text}`)),
      fc.constant(Buffer.from('BRCM ISAN')),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(codes, values), { maxLength: 6 }), (entries) => {
        const given = new OptionList(entries);
        try {
          const list = lease((all) => [...given].map(([code, value]) => all.setRaw(code, value)));
          refuseUnusable(parametersOf(list), []);
        } catch (error) {
          if (!(error instanceof DisklessError)) throw error;
        }
      }),
    );
  });
});

describe('the boot string of Emulex', () => {
  const parse = (text: string) => parseEmulexBootString(Buffer.from(text));

  test('may leave fields out, and knows IPv6', () => {
    const least = parse('iscsi::::"iqn.2001-04.com.example:disk"::::');
    assert.deepEqual(least && emulexRootPath(least), { targetName: 'iqn.2001-04.com.example:disk' });
    assert.equal(least && emulexInitiatorName(least), undefined);
    const six = parse('ISCSI:"2001:db8::5":"860"::"iqn.2001-04.com.example:disk"');
    assert.equal(six && formatRootPath(emulexRootPath(six)), 'iscsi:[2001:db8::5]::860::iqn.2001-04.com.example:disk');
  });

  test('is nothing of the kind without quotation marks', () => {
    assert.equal(parse('iscsi:192.0.2.5::::iqn.2001-04.com.example:disk'), undefined);
    assert.equal(parse('iscsi:::::iqn.2001-04.com.example:disk'), undefined);
    assert.equal(parse('PXE'), undefined);
  });

  test('is refused with a code of its own, or of its field', () => {
    const refused: readonly (readonly [string, string])[] = [
      ['iscsi:"192.0.2.5":"3260":"0001000000000000":""', 'EMULEX_BOOT_STRING'],
      ['iscsi:"192.0.2.5":3260::"iqn.2001-04.com.example:disk"', 'EMULEX_BOOT_STRING'],
      ['iscsi:"192.0.2.5"::"1":"iqn.2001-04.com.example:disk"', 'EMULEX_BOOT_STRING'],
      [`iscsi:::::::${'"x":'.repeat(9)}`, 'EMULEX_BOOT_STRING'],
      ['iscsi:"192.0.2.5":"0"::"iqn.2001-04.com.example:disk"', 'ROOT_PATH_PORT'],
      ['iscsi:"192.0.2.5":::"disk"', 'ISCSI_NAME_TYPE'],
    ];
    for (const [text, code] of refused) {
      assert.throws(
        () => {
          const boot = parse(text);
          if (boot !== undefined) emulexRootPath(boot);
        },
        { code },
        text,
      );
    }
    const misnamed = parse('iscsi::::"iqn.2001-04.com.example:disk":"me"');
    assert.throws(() => misnamed && emulexInitiatorName(misnamed), { code: 'ISCSI_NAME_TYPE' });
  });

  test('any bytes raise nothing but ProtocolError', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('"', ':', '1', 'a', '.', 'iqn.'), maxLength: 40 }), (text) => {
        try {
          const boot = parse(`iscsi:${text}`);
          if (boot !== undefined) emulexRootPath(boot);
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
        }
      }),
    );
  });
});
