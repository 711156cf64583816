/** Standard INQUIRY data (SPC-4). */

import { bits, bytes, flag, layout, u8 } from '../bytes/index.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('latin1');

export const StandardInquiry = layout('standard INQUIRY data', 96, {
  peripheralQualifier: bits(0, 5, 3),
  peripheralDeviceType: bits(0, 0, 5),
  removableMedium: flag(1, 7),
  version: u8(2),
  hierarchicalSupport: flag(3, 4),
  responseDataFormat: bits(3, 0, 4),
  additionalLength: u8(4),
  targetPortGroupSupport: bits(5, 4, 2),
  thirdPartyCopy: flag(5, 3),
  protect: flag(5, 0),
  multiPort: flag(6, 4),
  commandQueuing: flag(7, 1),
  vendorIdentification: bytes(8, 8),
  productIdentification: bytes(16, 16),
  productRevisionLevel: bytes(32, 4),
  versionDescriptors: bytes(58, 16),
});

export const PeripheralQualifier = { connected: 0, notConnected: 1, notSupported: 3 } as const;
export const PeripheralDeviceType = { directAccessBlockDevice: 0x00, unknown: 0x1f } as const;

/**
 * SPC-4. Windows asks for more from SPC-3 on; with SPC-5 (7) conformance tools of the field do not know the version and fail.
 */
const VERSION_SPC4 = 0x06;

/**
 * What the unit claims to follow: SAM-5, iSCSI, SPC-4, SBC-3. A block limits page of 3Ch bytes needs SBC-3. That of
 * iSCSI grows with the iSCSIProtocolLevel of the session (RFC 7144 §4.2).
 */
function versionDescriptors(iSCSIProtocolLevel: number): Uint8Array {
  return Uint8Array.of(0x00, 0xa0, 0x09, 0x60 + iSCSIProtocolLevel, 0x04, 0x60, 0x04, 0xc0);
}

/** TPGS: REPORT and SET TARGET PORT GROUPS are both there. */
const IMPLICIT_AND_EXPLICIT = 3;

export interface UnitIdentification {
  /** T10 vendor identification, up to 8 ASCII characters. */
  readonly vendor: string;
  /** Up to 16 ASCII characters. */
  readonly product: string;
  /** Up to 4 ASCII characters. */
  readonly revision: string;
}

/** The standard data of a disk, for a session of that iSCSIProtocolLevel (0 to 31). */
export function encodeStandardInquiry(
  unit: UnitIdentification & { readonly removable: boolean },
  iSCSIProtocolLevel: number,
): Uint8Array {
  return StandardInquiry.encode({
    ...always,
    peripheralQualifier: PeripheralQualifier.connected,
    peripheralDeviceType: PeripheralDeviceType.directAccessBlockDevice,
    removableMedium: unit.removable,
    targetPortGroupSupport: IMPLICIT_AND_EXPLICIT,
    thirdPartyCopy: true,
    vendorIdentification: paddedAscii(unit.vendor, 8),
    productIdentification: paddedAscii(unit.product, 16),
    productRevisionLevel: paddedAscii(unit.revision, 4),
    versionDescriptors: versionDescriptors(iSCSIProtocolLevel),
  });
}

/** The standard data at a LUN where there is no unit: PERIPHERAL QUALIFIER 011b. */
export function encodeAbsentInquiry(unit: UnitIdentification, iSCSIProtocolLevel: number): Uint8Array {
  return StandardInquiry.encode({
    ...always,
    peripheralQualifier: PeripheralQualifier.notSupported,
    peripheralDeviceType: PeripheralDeviceType.unknown,
    vendorIdentification: paddedAscii(unit.vendor, 8),
    productIdentification: paddedAscii(unit.product, 16),
    productRevisionLevel: paddedAscii(unit.revision, 4),
    versionDescriptors: versionDescriptors(iSCSIProtocolLevel),
  });
}

const always = {
  version: VERSION_SPC4,
  hierarchicalSupport: true,
  responseDataFormat: 2,
  additionalLength: StandardInquiry.size - 5,
  commandQueuing: true,
};

/** Left-aligned ASCII, filled with spaces; other characters become `?`. */
export function paddedAscii(text: string, length: number): Uint8Array {
  const ascii = text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, length);
  return encoder.encode(ascii.padEnd(length, ' '));
}

export interface Inquiry extends UnitIdentification {
  readonly peripheralQualifier: number;
  readonly peripheralDeviceType: number;
  readonly removable: boolean;
  readonly version: number;
}

/** Reads standard data; bytes that a short answer leaves out count as zero. */
export function decodeStandardInquiry(data: Uint8Array): Inquiry {
  const whole = new Uint8Array(StandardInquiry.size);
  whole.set(data.subarray(0, whole.length));
  const view = StandardInquiry.view(whole);
  return {
    peripheralQualifier: view.peripheralQualifier,
    peripheralDeviceType: view.peripheralDeviceType,
    removable: view.removableMedium,
    version: view.version,
    vendor: trimmed(view.vendorIdentification),
    product: trimmed(view.productIdentification),
    revision: trimmed(view.productRevisionLevel),
  };
}

/** Fields are filled with spaces by the standard and with NULs by some devices. */
function trimmed(field: Uint8Array): string {
  return decoder.decode(field).replaceAll('\0', ' ').trim();
}
