/** Vital product data pages (SPC-4, SBC-3). */

import { bits, flag, layout, u8, u16, u32, u64 } from '../bytes/index.ts';
import { type Designator, decodeDesignators, encodeDesignator } from './designator.ts';

/** In ascending order, as page 00h must list them. */
export const VitalProductDataPage = {
  supportedPages: 0x00,
  unitSerialNumber: 0x80,
  deviceIdentification: 0x83,
  managementNetworkAddresses: 0x85,
  extendedInquiryData: 0x86,
  modePagePolicy: 0x87,
  scsiPorts: 0x88,
  thirdPartyCopy: 0x8f,
  blockLimits: 0xb0,
  blockDeviceCharacteristics: 0xb1,
  logicalBlockProvisioning: 0xb2,
} as const;

const PageHeader = layout('VPD page header', 4, {
  peripheralQualifier: bits(0, 5, 3),
  peripheralDeviceType: bits(0, 0, 5),
  pageCode: u8(1),
  pageLength: u16(2),
});

/** All lengths are in logical blocks; 0 means "not reported". */
export const BlockLimits = layout('Block Limits VPD page', 64, {
  pageCode: u8(1),
  pageLength: u16(2),
  writeSameNonZero: flag(4, 0),
  maximumCompareAndWriteLength: u8(5),
  optimalTransferLengthGranularity: u16(6),
  maximumTransferLength: u32(8),
  optimalTransferLength: u32(12),
  maximumPrefetchLength: u32(16),
  maximumUnmapLbaCount: u32(20),
  maximumUnmapBlockDescriptorCount: u32(24),
  optimalUnmapGranularity: u32(28),
  unmapGranularityAlignmentValid: flag(32, 7),
  maximumWriteSameLength: u64(36),
  maximumAtomicTransferLength: u32(44),
  atomicAlignment: u32(48),
  atomicTransferLengthGranularity: u32(52),
});

export const BlockDeviceCharacteristics = layout('Block Device Characteristics VPD page', 64, {
  pageCode: u8(1),
  pageLength: u16(2),
  mediumRotationRate: u16(4),
  writeAfterBlockEraseRequired: bits(7, 6, 2),
  writeAfterCryptographicEraseRequired: bits(7, 4, 2),
  nominalFormFactor: bits(7, 0, 4),
});

/** MEDIUM ROTATION RATE of a medium that does not rotate. */
export const NON_ROTATING = 1;

/** WABEREQ and WACEREQ: blocks that an erase has left can be read without an error, with no data promised. */
export const READABLE_AFTER_ERASE = 1;

/** Which attributes and bits of CDBs the unit heeds, and what it can do besides. */
export const ExtendedInquiryData = layout('Extended INQUIRY Data VPD page', 64, {
  pageCode: u8(1),
  pageLength: u16(2),
  headOfQueueSupported: flag(5, 2),
  orderedSupported: flag(5, 1),
  simpleSupported: flag(5, 0),
  volatileCacheSupported: flag(6, 0),
  referralsSupported: flag(8, 4),
  maximumSupportedSenseDataLength: u8(13),
});

/** One policy for every page and subpage: shared by all nexuses. */
const SHARED_BY_ALL_NEXUSES = Uint8Array.of(0x3f, 0xff, 0x00, 0x00);

export function encodeModePagePolicy(): Uint8Array {
  return encodePage(VitalProductDataPage.modePagePolicy, SHARED_BY_ALL_NEXUSES);
}

const PortDescriptor = layout('SCSI port designation descriptor', 12, {
  relativePortIdentifier: u16(2),
  initiatorTransportIdLength: u16(6),
  targetPortDescriptorsLength: u16(10),
});

/** The one target port with its own designators. */
export function encodeScsiPorts(relativePortIdentifier: number, port: readonly Designator[]): Uint8Array {
  const designators = port.flatMap((designator) => [...encodeDesignator(designator)]);
  const header = PortDescriptor.encode({ relativePortIdentifier, targetPortDescriptorsLength: designators.length });
  return encodePage(VitalProductDataPage.scsiPorts, Uint8Array.from([...header, ...designators]));
}

export const LogicalBlockProvisioning = layout('Logical Block Provisioning VPD page', 8, {
  pageCode: u8(1),
  pageLength: u16(2),
  thresholdExponent: u8(4),
  unmap: flag(5, 7),
  writeSame16Unmap: flag(5, 6),
  writeSame10Unmap: flag(5, 5),
  unmappedReadsZeros: bits(5, 2, 3),
  provisioningType: bits(6, 0, 3),
});

export const ProvisioningType = { notReported: 0, resource: 1, thin: 2 } as const;

/** A page of `content` with its header. */
export function encodePage(pageCode: number, content: Uint8Array): Uint8Array {
  const page = new Uint8Array(PageHeader.size + content.length);
  PageHeader.write(page, 0, { pageCode, pageLength: content.length });
  page.set(content, PageHeader.size);
  return page;
}

export function encodeDeviceIdentification(designators: readonly Designator[]): Uint8Array {
  const content = designators.flatMap((designator) => [...encodeDesignator(designator)]);
  return encodePage(VitalProductDataPage.deviceIdentification, Uint8Array.from(content));
}

/** What a page holds behind its header; undefined when it is another page or cut off before its header's end. */
export function pageContent(pageCode: number, data: Uint8Array): Uint8Array | undefined {
  if (data.length < PageHeader.size) return undefined;
  const header = PageHeader.view(data);
  if (header.pageCode !== pageCode) return undefined;
  return data.subarray(PageHeader.size, PageHeader.size + header.pageLength);
}

export function decodeDeviceIdentification(data: Uint8Array): Designator[] | undefined {
  const content = pageContent(VitalProductDataPage.deviceIdentification, data);
  return content && decodeDesignators(content);
}
