/** Two tables, as values and as bytes with a line for each field. */

import { parseIpv4, parseIpv6, parseMac } from '../../src/bytes/index.ts';
import { type IbftTable, PrefixOrigin } from '../../src/ibft/index.ts';

export interface GoldenTable {
  readonly table: IbftTable;
  readonly bytes: Uint8Array;
}

const noAddress = '00'.repeat(16);
const ipv4 = (hex: string) => `00000000 00000000 0000ffff ${hex}`;
/** A text of the heap with its zero byte. */
const text = (latin1: string) => `${Buffer.from(latin1, 'latin1').toString('hex')}00`;

function bytesOf(...lines: readonly string[]): Uint8Array {
  return Uint8Array.from(Buffer.from(lines.join('').replaceAll(/\s/g, ''), 'hex'));
}

export const oneDisk: GoldenTable = {
  table: {
    oemId: 'DSKLSS',
    oemTableId: 'DISKLESS',
    initiator: {
      valid: true,
      bootSelected: true,
      name: 'iqn.2001-04.com.example:pc',
      isnsServer: parseIpv4('192.0.2.7'),
      slpServer: undefined,
      primaryRadiusServer: undefined,
      secondaryRadiusServer: undefined,
    },
    nics: [
      {
        valid: true,
        bootSelected: true,
        global: true,
        index: 0,
        address: parseIpv4('192.0.2.10'),
        prefix: 24,
        origin: PrefixOrigin.dhcp,
        gateway: parseIpv4('192.0.2.254'),
        primaryDns: parseIpv4('192.0.2.53'),
        secondaryDns: undefined,
        dhcpServer: parseIpv4('192.0.2.1'),
        vlan: 5,
        mac: parseMac('52:54:00:12:34:56'),
        pci: { bus: 1, device: 2, function: 3 },
        hostName: 'pc',
      },
    ],
    targets: [
      {
        valid: true,
        bootSelected: true,
        index: 0,
        address: parseIpv4('192.0.2.1'),
        port: 3260,
        lun: Uint8Array.of(0x47, 0x52, 0x3a, 0x4f, 0x6b, 0x7e, 0x2f, 0x99),
        nicIndex: 0,
        name: 'iqn.2001-04.com.example:disk',
        chap: { name: 'alice', secret: Uint8Array.from(Buffer.from('correct horse')) },
        reverseChap: { name: 'disk', secret: Uint8Array.from(Buffer.from('battery staple')) },
        radiusChap: false,
        radiusReverseChap: false,
      },
    ],
  },
  bytes: bytesOf(
    // Header: signature, length, revision, checksum, maker, its table, the rest empty.
    '69424654 9b010000 01 f1',
    '44534b4c5353 4449534b4c455353',
    '00'.repeat(24),
    // Control at 48: initiator, first NIC, first target.
    '01 01 1200 00 00',
    '0000 4800 9800 0001 0000 0000',
    '00'.repeat(6),
    // Initiator at 72.
    '02 01 4a00 00 03',
    ipv4('c0000207'),
    noAddress,
    noAddress,
    noAddress,
    '1a00 3801',
    '00'.repeat(6),
    // NIC at 152.
    '03 01 6600 00 07',
    ipv4('c000020a'),
    '18 03',
    ipv4('c00002fe'),
    ipv4('c0000235'),
    noAddress,
    ipv4('c0000201'),
    '0500 525400123456 1301',
    '0200 5301',
    '00'.repeat(2),
    // Target at 256.
    '04 01 3600 00 03',
    ipv4('c0000201'),
    'bc0c 47523a4f6b7e2f99 02 00',
    '1c00 5601 0500 7301 0d00 7901 0400 8701 0e00 8c01',
    '00'.repeat(2),
    // Heap at 312.
    text('iqn.2001-04.com.example:pc'),
    text('pc'),
    text('iqn.2001-04.com.example:disk'),
    text('alice'),
    text('correct horse'),
    text('disk'),
    text('battery staple'),
  ),
};

const secondNic = {
  valid: true,
  bootSelected: false,
  global: false,
  index: 1,
  address: parseIpv6('fe80::1'),
  prefix: 64,
  origin: PrefixOrigin.routerAdvertisement,
  gateway: undefined,
  primaryDns: undefined,
  secondaryDns: undefined,
  dhcpServer: undefined,
  vlan: 0,
  mac: parseMac('52:54:00:00:00:02'),
  pci: { bus: 0, device: 4, function: 0 },
  hostName: '',
} as const;

const secondTarget = {
  valid: true,
  bootSelected: false,
  index: 1,
  address: parseIpv6('2001:db8::6'),
  port: 3261,
  lun: Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0),
  nicIndex: 1,
  name: 'iqn.x:b',
  chap: { name: 'b', secret: Uint8Array.of(1, 2, 3) },
  reverseChap: undefined,
  radiusChap: true,
  radiusReverseChap: false,
} as const;

export const twoDisks: GoldenTable = {
  table: {
    oemId: '',
    oemTableId: '',
    initiator: {
      valid: true,
      bootSelected: false,
      name: 'iqn.x:a',
      isnsServer: undefined,
      slpServer: parseIpv6('2001:db8::427'),
      primaryRadiusServer: undefined,
      secondaryRadiusServer: undefined,
    },
    nics: [
      {
        ...secondNic,
        bootSelected: true,
        global: true,
        index: 0,
        address: parseIpv6('2001:db8::10'),
        gateway: parseIpv6('fe80::fe'),
        mac: parseMac('52:54:00:00:00:01'),
        pci: { bus: 0, device: 3, function: 0 },
      },
      secondNic,
    ],
    targets: [
      {
        ...secondTarget,
        bootSelected: true,
        index: 0,
        address: parseIpv6('2001:db8::5'),
        port: 3260,
        lun: new Uint8Array(8),
        nicIndex: 0,
        chap: undefined,
        radiusChap: false,
      },
      secondTarget,
    ],
  },
  bytes: bytesOf(
    '69424654 f6010000 01 69',
    '202020202020 2020202020202020',
    '00'.repeat(24),
    // Control at 48: initiator, and two of each.
    '01 01 1200 00 00',
    '0000 4800 9800 0001 3801 a001',
    '00'.repeat(6),
    // Initiator at 72.
    '02 01 4a00 00 01',
    noAddress,
    '20010db8 00000000 00000000 00000427',
    noAddress,
    noAddress,
    '0700 d801',
    '00'.repeat(6),
    // First NIC at 152.
    '03 01 6600 00 07',
    '20010db8 00000000 00000000 00000010',
    '40 04',
    'fe800000 00000000 00000000 000000fe',
    noAddress,
    noAddress,
    noAddress,
    '0000 525400000001 1800',
    '0000 0000',
    '00'.repeat(2),
    // First target at 256.
    '04 01 3600 00 03',
    '20010db8 00000000 00000000 00000005',
    'bc0c 0000000000000000 00 00',
    '0700 e001 0000 0000 0000 0000 0000 0000 0000 0000',
    '00'.repeat(2),
    // Second NIC at 312.
    '03 01 6600 01 01',
    'fe800000 00000000 00000000 00000001',
    '40 04',
    noAddress,
    noAddress,
    noAddress,
    noAddress,
    '0000 525400000002 2000',
    '0000 0000',
    '00'.repeat(2),
    // Second target at 416.
    '04 01 3600 01 05',
    '20010db8 00000000 00000000 00000006',
    'bd0c 0001000000000000 01 01',
    '0700 e801 0100 f001 0300 f201 0000 0000 0000 0000',
    '00'.repeat(2),
    // Heap at 472.
    text('iqn.x:a'),
    text('iqn.x:b'),
    text('iqn.x:b'),
    text('b'),
    '010203 00',
  ),
};
