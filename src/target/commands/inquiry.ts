/** INQUIRY: the standard data and the vital product data pages (SPC-4). */

import {
  Association,
  BlockDeviceCharacteristics,
  BlockLimits,
  type Designator,
  ExtendedInquiryData,
  encodeDeviceIdentification,
  encodeManagementNetworkAddresses,
  encodeModePagePolicy,
  encodePage,
  encodeScsiPorts,
  encodeStandardInquiry,
  encodeThirdPartyCopyPage,
  InquiryCdb,
  LogicalBlockProvisioning,
  MAXIMUM_SENSE_LENGTH,
  NON_ROTATING,
  READABLE_AFTER_ERASE,
  VitalProductDataPage,
} from '../../scsi/index.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { GOOD, invalidFieldInCdb } from '../outcome.ts';
import { provisioningTypes } from '../provisioning.ts';
import { CONCURRENT_COPIES } from '../third-party-copy/copy-manager.ts';
import { atomicGranularity, MAXIMUM_ATOMIC_BYTES, MAXIMUM_COMPARE_AND_WRITE_BLOCKS } from './atomic.ts';
import type { Command } from './command.ts';

/** UNMAP takes this many ranges at once: what one page of a parameter list holds. */
export const MAXIMUM_UNMAP_DESCRIPTORS = 256;

/** Blocks that one UNMAP may give back in all. */
export const MAXIMUM_UNMAP_BLOCKS = 0xffff_ffff;

/** How much in one command serves best: a burst of the default MaxBurstLength. */
const OPTIMAL_TRANSFER_BYTES = 256 * 1024;

const encoder = new TextEncoder();

/** In ascending order: page 00h lists them as they stand here. */
const pages: ReadonlyMap<number, (unit: LogicalUnit) => Uint8Array> = new Map([
  [
    VitalProductDataPage.supportedPages,
    (unit: LogicalUnit) => encodePage(VitalProductDataPage.supportedPages, Uint8Array.from(pageCodes(unit))),
  ],
  [
    VitalProductDataPage.unitSerialNumber,
    (unit: LogicalUnit) =>
      encodePage(VitalProductDataPage.unitSerialNumber, encoder.encode(unit.identity.serialNumber)),
  ],
  [
    VitalProductDataPage.deviceIdentification,
    (unit: LogicalUnit) => encodeDeviceIdentification(unit.identity.designators),
  ],
  [
    VitalProductDataPage.managementNetworkAddresses,
    (unit: LogicalUnit) => encodeManagementNetworkAddresses(unit.managementUrls),
  ],
  [
    VitalProductDataPage.extendedInquiryData,
    ({ writeCache }: LogicalUnit) =>
      ExtendedInquiryData.encode({
        pageCode: VitalProductDataPage.extendedInquiryData,
        pageLength: ExtendedInquiryData.size - 4,
        headOfQueueSupported: true,
        orderedSupported: true,
        simpleSupported: true,
        volatileCacheSupported: writeCache,
        maximumSupportedSenseDataLength: MAXIMUM_SENSE_LENGTH,
      }),
  ],
  [VitalProductDataPage.modePagePolicy, encodeModePagePolicy],
  [
    VitalProductDataPage.scsiPorts,
    (unit: LogicalUnit) => encodeScsiPorts(unit.relativeTargetPort, unit.identity.designators.filter(isOfPort)),
  ],
  [
    VitalProductDataPage.thirdPartyCopy,
    (unit: LogicalUnit) =>
      encodePage(VitalProductDataPage.thirdPartyCopy, encodeThirdPartyCopyPage(CONCURRENT_COPIES, unit.blockSize)),
  ],
  [VitalProductDataPage.blockLimits, blockLimits],
  [
    VitalProductDataPage.blockDeviceCharacteristics,
    () =>
      BlockDeviceCharacteristics.encode({
        pageCode: VitalProductDataPage.blockDeviceCharacteristics,
        pageLength: BlockDeviceCharacteristics.size - 4,
        mediumRotationRate: NON_ROTATING,
        writeAfterBlockEraseRequired: READABLE_AFTER_ERASE,
        writeAfterCryptographicEraseRequired: READABLE_AFTER_ERASE,
      }),
  ],
  [
    VitalProductDataPage.logicalBlockProvisioning,
    ({ provisioning }: LogicalUnit) =>
      LogicalBlockProvisioning.encode({
        pageCode: VitalProductDataPage.logicalBlockProvisioning,
        pageLength: LogicalBlockProvisioning.size - 4,
        unmap: true,
        writeSame16Unmap: true,
        writeSame10Unmap: true,
        unmappedReadsZeros: 1,
        provisioningType: provisioningTypes[provisioning],
      }),
  ],
]);

function isOfPort({ association }: Designator): boolean {
  return association === Association.targetPort;
}

function pageCodes(unit: LogicalUnit): number[] {
  return [...pages.keys()].filter((code) => code !== VitalProductDataPage.logicalBlockProvisioning || unit.canUnmap);
}

function blockLimits(unit: LogicalUnit): Uint8Array {
  const { canUnmap, blockSize, device } = unit;
  return BlockLimits.encode({
    pageCode: VitalProductDataPage.blockLimits,
    pageLength: BlockLimits.size - 4,
    maximumCompareAndWriteLength: MAXIMUM_COMPARE_AND_WRITE_BLOCKS,
    optimalTransferLengthGranularity: device.physicalBlockSize / blockSize,
    maximumTransferLength: unit.maximumTransferBlocks,
    optimalTransferLength: OPTIMAL_TRANSFER_BYTES / blockSize,
    maximumUnmapLbaCount: canUnmap ? MAXIMUM_UNMAP_BLOCKS : 0,
    maximumUnmapBlockDescriptorCount: canUnmap ? MAXIMUM_UNMAP_DESCRIPTORS : 0,
    optimalUnmapGranularity: canUnmap ? device.physicalBlockSize / blockSize : 0,
    unmapGranularityAlignmentValid: canUnmap,
    maximumAtomicTransferLength: MAXIMUM_ATOMIC_BYTES / blockSize,
    atomicAlignment: atomicGranularity(unit),
    atomicTransferLengthGranularity: atomicGranularity(unit),
  });
}

export const inquiryCommands = {
  inquiry: {
    execute(unit, task) {
      const cdb = InquiryCdb.view(task.cdb);
      if (!cdb.enableVitalProductData) {
        // A page code without EVPD is an error.
        if (cdb.pageCode !== 0) return invalidFieldInCdb(2);
        const identity = { ...unit.identity, removable: unit.removable };
        task.respond(encodeStandardInquiry(identity, task.nexus.protocolLevel), cdb.allocationLength);
        return GOOD;
      }
      const encode = pageCodes(unit).includes(cdb.pageCode) ? pages.get(cdb.pageCode) : undefined;
      if (encode === undefined) return invalidFieldInCdb(2);
      task.respond(encode(unit), cdb.allocationLength);
      return GOOD;
    },
  },
} satisfies Record<string, Command>;
