import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Ipv4Address, ProtocolError } from '../../src/bytes/index.ts';
import { Option, OptionList, type OptionType, PxeOption, vendorOptions } from '../../src/dhcp/index.ts';

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

function both<T>(option: OptionType<T>, bytes: string, value: T): void {
  test(`${option.code} ${option.name}: ${bytes || 'empty'}`, () => {
    assert.deepEqual(new OptionList([[option.code, hex(bytes)]]).get(option), value);
    assert.deepEqual(new OptionList().set(option, value).raw(option.code), hex(bytes));
  });
}

function refused(option: OptionType<unknown>, bytes: string): void {
  test(`${option.code} ${option.name}: ${bytes || 'empty'} is refused`, () => {
    const list = new OptionList([[option.code, hex(bytes)]]);
    assert.throws(() => list.get(option), { code: 'DHCP_OPTION_INVALID' });
    assert.equal(list.find(option), undefined);
  });
}

const ip = (text: string) => text as Ipv4Address;

describe('values of options', () => {
  both(Option.subnetMask, 'ffffff00', ip('255.255.255.0'));
  both(Option.routers, 'c0000201 c0000202', [ip('192.0.2.1'), ip('192.0.2.2')]);
  both(Option.leaseTime, 'ffffffff', 0xffff_ffff);
  both(Option.interfaceMtu, '2328', 9000);
  both(Option.rootPath, '69736373693a3a3a3a3a69716e2ec3bc', 'iscsi:::::iqn.ü');
  both(Option.clientArchitecture, '0007 0009', [7, 9]);
  both(Option.parameterRequestList, '01 03 06 11', [1, 3, 6, 17]);
  both(Option.userClass, '08 46726565425344 21', [hex('46726565425344 21')]);
  both(Option.networkInterfaceIdentifier, '01 03 10', { type: 1, major: 3, minor: 16 });
  both(Option.machineIdentifier, '00 33221100 5544 7766 8899 aabbccddeeff', '00112233-4455-6677-8899-aabbccddeeff');
  // RFC 3442's own examples of widths.
  both(Option.classlessRoutes, '00 0a000001', [{ destination: ip('0.0.0.0'), prefix: 0, router: ip('10.0.0.1') }]);
  both(Option.classlessRoutes, '19 0a1b8180 0a000001', [
    { destination: ip('10.27.129.128'), prefix: 25, router: ip('10.0.0.1') },
  ]);
  both(vendorOptions, '06 01 08 ff', new OptionList().set(PxeOption.discoveryControl, 8));

  both(Option.slpDirectoryAgents, '01 c0000201 c0000202', {
    mandatory: true,
    addresses: [ip('192.0.2.1'), ip('192.0.2.2')],
  });
  both(Option.slpServiceScope, '00 426f6f742c6dc3bc', { mandatory: false, scopes: ['Boot', 'mü'] });
  both(Option.slpServiceScope, '01', { mandatory: true, scopes: [] });
  both(Option.isns, '0007 0001 000f 0000004b e00000fb c0000264 c0000265', {
    functions: { ddBasedAuthorization: true, securityPolicyDistribution: true },
    discoveryDomainAccess: {
      controlNode: false,
      iscsiTarget: false,
      iscsiInitiator: false,
      ifcpTargetPort: false,
      ifcpInitiatorPort: false,
    },
    administration: { managementScns: true, defaultDiscoveryDomain: true },
    security: {
      ikeIpsec: true,
      mainMode: false,
      aggressiveMode: true,
      pfs: false,
      transportMode: false,
      tunnelMode: true,
    },
    heartbeat: ip('224.0.0.251'),
    servers: [ip('192.0.2.100'), ip('192.0.2.101')],
  });
  const nothingEnabled = {
    functions: undefined,
    discoveryDomainAccess: undefined,
    administration: undefined,
    security: undefined,
  };
  both(Option.isns, '0000 0000 0000 00000000 c0000264', {
    ...nothingEnabled,
    heartbeat: undefined,
    servers: [ip('192.0.2.100')],
  });

  test('83 iSNS servers: flags of a group that is not enabled are ignored (RFC 4174 §2.1 to §2.4)', () => {
    const list = new OptionList([[83, hex('0006 003e 000e 0000007e c0000264')]]);
    assert.deepEqual(list.get(Option.isns), { ...nothingEnabled, heartbeat: undefined, servers: [ip('192.0.2.100')] });
  });

  refused(Option.slpDirectoryAgents, '01');
  refused(Option.slpDirectoryAgents, '02 c0000201');
  refused(Option.slpDirectoryAgents, '01 c00002');
  refused(Option.slpServiceScope, '');
  refused(Option.slpServiceScope, '01 ff');
  refused(Option.isns, '0001 0001 0001 00000001');
  refused(Option.isns, '0001 0001 0003 00000001 e00000fb');
  refused(Option.isns, '0001 0001 0001 00000001 c0000264 c0');
  refused(Option.subnetMask, 'ffffff');
  refused(Option.routers, '');
  refused(Option.routers, 'c00002');
  refused(Option.leaseTime, '00');
  refused(Option.rootPath, 'ff');
  refused(Option.clientArchitecture, '00');
  refused(Option.userClass, '');
  refused(Option.machineIdentifier, '01 33221100 5544 7766 8899 aabbccddeeff');
  refused(Option.classlessRoutes, '21 0a000000 00 0a000001');
  refused(Option.classlessRoutes, '18 0a0000');
  refused(Option.domainSearch, 'c000');
  refused(Option.domainSearch, '03 6162');
  refused(vendorOptions, '06 05 08');

  test('text ends before its NULs', () => {
    assert.equal(new OptionList([[67, hex('612e62 00 00')]]).get(Option.bootFileName), 'a.b');
  });

  test('a user class that is no list is one raw item, as iPXE and gPXE send it', () => {
    const list = new OptionList([[77, hex('69505845')]]);
    assert.deepEqual(list.get(Option.userClass), [hex('69505845')]);
    // Bare text has no bound; items have their length in one byte.
    assert.throws(() => list.set(Option.userClass, [new Uint8Array(256)]), { code: 'DHCP_OPTION_INVALID' });
  });

  test("RFC 3397's example of compression is read, and a pointer forwards is not followed", () => {
    // "eng.apple.com", "marketing.apple.com"
    const bytes = '03656e67 056170706c65 03636f6d 00 096d61726b6574696e67 c004';
    assert.deepEqual(new OptionList([[119, hex(bytes)]]).get(Option.domainSearch), [
      'eng.apple.com',
      'marketing.apple.com',
    ]);
  });

  test('a compression pointer at itself or forwards is refused, not followed for ever', () => {
    for (const bytes of ['0161 c002', 'c002 0161 00', '0161 c000 c002']) {
      const list = new OptionList([[119, hex(bytes)]]);
      assert.throws(() => list.get(Option.domainSearch), { code: 'DHCP_OPTION_INVALID' });
    }
  });

  test('any bytes as any option raise nothing but ProtocolError', () => {
    const property = fc.property(
      fc.constantFrom(...Object.values(Option), vendorOptions),
      fc.uint8Array({ maxLength: 300 }),
      (option, bytes) => {
        const list = new OptionList([[option.code, bytes]]);
        try {
          list.get(option as OptionType<unknown>);
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error));
        }
      },
    );
    fc.assert(property, { numRuns: 3000 });
  });
});
