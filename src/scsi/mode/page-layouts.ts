/** The mode pages of a disk (SPC-4, SBC-3). */

import { bits, flag, layout, u8, u16 } from '../../bytes/index.ts';

export const ModePageCode = {
  readWriteErrorRecovery: 0x01,
  verifyErrorRecovery: 0x07,
  caching: 0x08,
  control: 0x0a,
  informationalExceptionsControl: 0x1c,
  all: 0x3f,
} as const;

/** Of pages with the SPF bit; `all` asks for pages and subpages. */
export const ModeSubpageCode = { none: 0x00, controlExtension: 0x01, all: 0xff } as const;

/** The first bytes of every page. */
const pageCode = bits(0, 0, 6);
const pageLength = u8(1);

export const ReadWriteErrorRecoveryPage = layout('Read-Write Error Recovery mode page', 12, {
  pageCode,
  pageLength,
  automaticWriteReallocation: flag(2, 7),
  automaticReadReallocation: flag(2, 6),
  transferBlock: flag(2, 5),
  readContinuous: flag(2, 4),
  enableEarlyRecovery: flag(2, 3),
  postError: flag(2, 2),
  dataTerminateOnError: flag(2, 1),
  readRetryCount: u8(3),
  logicalBlockProvisioningErrorReporting: flag(7, 7),
  writeRetryCount: u8(8),
  recoveryTimeLimit: u16(10),
});

export const VerifyErrorRecoveryPage = layout('Verify Error Recovery mode page', 12, {
  pageCode,
  pageLength,
  enableEarlyRecovery: flag(2, 3),
  postError: flag(2, 2),
  dataTerminateOnError: flag(2, 1),
  verifyRetryCount: u8(3),
  verifyRecoveryTimeLimit: u16(10),
});

export const CachingPage = layout('Caching mode page', 20, {
  pageCode,
  pageLength,
  writeCacheEnable: flag(2, 2),
  readCacheDisable: flag(2, 0),
});

export const ControlPage = layout('Control mode page', 12, {
  pageCode,
  pageLength,
  taskSetType: bits(2, 5, 3),
  descriptorSense: flag(2, 2),
  queueAlgorithmModifier: bits(3, 4, 4),
  queueErrorManagement: bits(3, 1, 2),
  softwareWriteProtect: flag(4, 3),
  busyTimeoutPeriod: u16(8),
});

export const ControlExtensionPage = layout('Control Extension mode page', 32, {
  pageCode,
  subpageFormat: flag(0, 6),
  subpageCode: u8(1),
  pageLength: u16(2),
  timestampChangeableOtherwise: flag(4, 2),
  scsiPrecedence: flag(4, 1),
  implicitAsymmetricAccess: flag(4, 0),
  initialCommandPriority: bits(5, 0, 4),
  maximumSenseDataLength: u8(6),
});

export const InformationalExceptionsPage = layout('Informational Exceptions Control mode page', 12, {
  pageCode,
  pageLength,
  disableExceptionControl: flag(2, 3),
  methodOfReporting: bits(3, 0, 4),
});
