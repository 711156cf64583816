/**
 * The structures of the iSCSI Boot Firmware Table, the ACPI table in which a boot client leaves its successor what it knows. All
 * integers are little-endian; addresses and LUNs are bytes in the order of the network. Offsets count from the start of the table.
 */

import { bits, bytes, flag, layout, u8 } from '../bytes/index.ts';
import { u16le, u32le } from '../bytes/little-endian.ts';

/** Every ACPI table begins with the first 36 bytes (ACPI 6.5 §5.2.6); this one keeps another twelve free. */
export const TableHeader = layout('iBFT header', 48, {
  signature: bytes(0, 4),
  /** Bytes of the whole table. */
  length: u32le(4),
  revision: u8(8),
  /** Makes the sum of all bytes of the table 0. */
  checksum: u8(9),
  oemId: bytes(10, 6),
  oemTableId: bytes(16, 8),
  oemRevision: u32le(24),
  creatorId: bytes(28, 4),
  creatorRevision: u32le(32),
});

export const SIGNATURE = 'iBFT';
export const TABLE_REVISION = 1;
export const STRUCTURE_VERSION = 1;

export const StructureId = { control: 1, initiator: 2, nic: 3, target: 4, extensions: 5 } as const;

/** The next system may use what the structure says. */
const blockValid = flag(5, 0);
/** The boot went this way. */
const bootSelected = flag(5, 1);

const structureHeader = {
  id: u8(0),
  version: u8(1),
  /** Bytes of the structure, this header included. */
  length: u16le(2),
  index: u8(4),
};

export const StructureHeader = layout('iBFT structure header', 6, structureHeader);

export const Control = layout('iBFT control structure', 18, {
  ...structureHeader,
  singleLogin: flag(5, 0),
  extensionsOffset: u16le(6),
  initiatorOffset: u16le(8),
  nic0Offset: u16le(10),
  target0Offset: u16le(12),
  nic1Offset: u16le(14),
  target1Offset: u16le(16),
});

export const Initiator = layout('iBFT initiator structure', 74, {
  ...structureHeader,
  blockValid,
  bootSelected,
  isnsServer: bytes(6, 16),
  slpServer: bytes(22, 16),
  primaryRadiusServer: bytes(38, 16),
  secondaryRadiusServer: bytes(54, 16),
  nameLength: u16le(70),
  nameOffset: u16le(72),
});

export const Nic = layout('iBFT NIC structure', 102, {
  ...structureHeader,
  blockValid,
  bootSelected,
  global: flag(5, 2),
  address: bytes(6, 16),
  prefix: u8(22),
  origin: u8(23),
  gateway: bytes(24, 16),
  primaryDns: bytes(40, 16),
  secondaryDns: bytes(56, 16),
  dhcpServer: bytes(72, 16),
  vlan: u16le(88),
  mac: bytes(90, 6),
  pciFunction: bits(96, 0, 3),
  pciDevice: bits(96, 3, 5),
  pciBus: u8(97),
  hostNameLength: u16le(98),
  hostNameOffset: u16le(100),
});

export const Target = layout('iBFT target structure', 54, {
  ...structureHeader,
  blockValid,
  bootSelected,
  radiusChap: flag(5, 2),
  radiusReverseChap: flag(5, 3),
  address: bytes(6, 16),
  port: u16le(22),
  lun: bytes(24, 8),
  chapType: u8(32),
  nicIndex: u8(33),
  nameLength: u16le(34),
  nameOffset: u16le(36),
  chapNameLength: u16le(38),
  chapNameOffset: u16le(40),
  chapSecretLength: u16le(42),
  chapSecretOffset: u16le(44),
  reverseChapNameLength: u16le(46),
  reverseChapNameOffset: u16le(48),
  reverseChapSecretLength: u16le(50),
  reverseChapSecretOffset: u16le(52),
});

/** Where the structures begin. */
export const STRUCTURE_ALIGNMENT = 8;

export function aligned(offset: number): number {
  return Math.ceil(offset / STRUCTURE_ALIGNMENT) * STRUCTURE_ALIGNMENT;
}
