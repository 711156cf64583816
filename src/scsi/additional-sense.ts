/**
 * Additional sense codes (SPC-4): ASC in the high byte, ASCQ in the low one, with the standard's own wording. The ones
 * that this project raises or that a reader of its traces meets.
 */
export const AdditionalSense = {
  noAdditionalSenseInformation: 0x0000,
  operationInProgress: 0x0016,
  logicalUnitNotReadyCauseNotReportable: 0x0400,
  logicalUnitIsInProcessOfBecomingReady: 0x0401,
  initializingCommandRequired: 0x0402,
  logicalUnitNotReadySanitizeInProgress: 0x041b,
  unreachableCopyTarget: 0x0804,
  writeError: 0x0c00,
  unexpectedUnsolicitedData: 0x0c0c,
  notEnoughUnsolicitedData: 0x0c0d,
  thirdPartyDeviceFailure: 0x0d01,
  copyTargetDeviceNotReachable: 0x0d02,
  copyTargetDeviceDataUnderrun: 0x0d04,
  invalidFieldInCommandInformationUnit: 0x0e03,
  unrecoveredReadError: 0x1100,
  readErrorLbaMarkedBad: 0x1114,
  parameterListLengthError: 0x1a00,
  miscompareDuringVerifyOperation: 0x1d00,
  invalidCommandOperationCode: 0x2000,
  logicalBlockAddressOutOfRange: 0x2100,
  unsupportedTokenType: 0x2301,
  tokenUnknown: 0x2304,
  tokenCorrupt: 0x2305,
  tokenRevoked: 0x2306,
  tokenExpired: 0x2307,
  tokenDeleted: 0x2309,
  invalidTokenLength: 0x230a,
  invalidFieldInCdb: 0x2400,
  logicalUnitNotSupported: 0x2500,
  invalidFieldInParameterList: 0x2600,
  parameterNotSupported: 0x2601,
  invalidReleaseOfPersistentReservation: 0x2604,
  tooManyTargetDescriptors: 0x2606,
  unsupportedTargetDescriptorTypeCode: 0x2607,
  tooManySegmentDescriptors: 0x2608,
  unsupportedSegmentDescriptorTypeCode: 0x2609,
  unexpectedInexactSegment: 0x260a,
  inlineDataLengthExceeded: 0x260b,
  writeProtected: 0x2700,
  softwareWriteProtected: 0x2702,
  spaceAllocationFailedWriteProtect: 0x2707,
  notReadyToReadyChange: 0x2800,
  powerOnResetOrBusDeviceResetOccurred: 0x2900,
  scsiBusResetOccurred: 0x2902,
  busDeviceResetFunctionOccurred: 0x2903,
  iTNexusLossOccurred: 0x2907,
  modeParametersChanged: 0x2a01,
  logParametersChanged: 0x2a02,
  reservationsPreempted: 0x2a03,
  reservationsReleased: 0x2a04,
  registrationsPreempted: 0x2a05,
  capacityDataHasChanged: 0x2a09,
  timestampChanged: 0x2a10,
  commandSequenceError: 0x2c00,
  orwriteGenerationDoesNotMatch: 0x2c0c,
  commandsClearedByAnotherInitiator: 0x2f00,
  sanitizeCommandFailed: 0x3103,
  savingParametersNotSupported: 0x3900,
  mediumNotPresent: 0x3a00,
  reportedLunsDataHasChanged: 0x3f0e,
  internalTargetFailure: 0x4400,
  protocolServiceCrcError: 0x4705,
  invalidMessageError: 0x4900,
  overlappedCommandsAttempted: 0x4e00,
  mediumRemovalPrevented: 0x5302,
  insufficientRegistrationResources: 0x5504,
} as const;

const wordings = new Map<number, string>(
  Object.entries(AdditionalSense).map(([name, code]) => [code, name.replaceAll(/[A-Z]/g, ' $&').toUpperCase()]),
);

/** The standard's wording, such as `LOGICAL BLOCK ADDRESS OUT OF RANGE`; the two numbers for codes that are not in the table. */
export function additionalSenseText(code: number): string {
  const wording = wordings.get(code);
  return wording ?? `ASC ${hex(code >>> 8)}h ASCQ ${hex(code & 255)}h`;
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0').toUpperCase();
}
