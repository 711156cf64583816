/** The Third-party Copy VPD page, 8Fh: what copies a unit can do (SPC-4; the limits of tokens are SBC-3's). */

import { bits, flag, inOnePiece, layout, u8, u16, u32, u64 } from '../../bytes/index.ts';
import { commandNames, describeCommand } from '../command-table.ts';
import { CopyLimit } from './copy-limit.ts';
import { CopyDescriptorType, OWN_UNIT } from './extended-copy.ts';
import { RodType } from './rod-token.ts';
import { TokenLimit } from './token-request.ts';

/** The page lists its descriptors in ascending order of these. */
const DescriptorType = {
  blockDeviceRodTokenLimits: 0x0000,
  supportedCommands: 0x0001,
  parameterData: 0x0004,
  supportedDescriptors: 0x0008,
  supportedTargetDescriptorIds: 0x000c,
  rodTokenFeatures: 0x0106,
  supportedRodTypes: 0x0108,
  generalCopyOperations: 0x8001,
} as const;

const DescriptorHeader = layout('third-party copy descriptor', 4, { type: u16(0), length: u16(2) });

/** Sizes are in blocks. */
export const BlockDeviceRodTokenLimits = layout('Block Device ROD Token Limits third-party copy descriptor', 32, {
  maximumRangeDescriptors: u16(6),
  maximumInactivityTimeout: u32(8),
  defaultInactivityTimeout: u32(12),
  maximumTokenTransferSize: u64(16),
  optimalTransferCount: u64(24),
});

const ParameterData = layout('Parameter Data third-party copy descriptor', 28, {
  maximumTargetDescriptorCount: u16(4),
  maximumSegmentDescriptorCount: u16(6),
  maximumDescriptorListLength: u32(8),
  maximumInlineDataLength: u32(12),
});

/** REMOTE TOKENS 0: only tokens that were made here are known here. */
const RodTokenFeatures = layout('ROD Token Features third-party copy descriptor', 44, {
  remoteTokens: bits(0, 0, 4),
  minimumTokenLifetime: u32(12),
  maximumTokenLifetime: u32(16),
  maximumTokenInactivityTimeout: u32(20),
  typeSpecificFeaturesLength: u16(42),
});

/** Sizes are in bytes. */
const BlockRodFeatures = layout('block ROD device type specific features descriptor', 48, {
  descriptorFormat: bits(0, 5, 3),
  peripheralDeviceType: bits(0, 0, 5),
  length: u16(2),
  optimalLengthGranularity: u16(6),
  maximumBytes: u64(8),
  optimalBytes: u64(16),
  optimalBytesToTokenPerSegment: u64(24),
  optimalBytesFromTokenPerSegment: u64(32),
});

const RodTypeDescriptor = layout('ROD type descriptor', 64, {
  rodType: u32(0),
  madeByExtendedCopy: flag(4, 7),
  tokenIn: flag(4, 1),
  tokenOut: flag(4, 0),
  preferenceIndicator: u16(6),
});

const GeneralCopyOperations = layout('General Copy Operations third-party copy descriptor', 32, {
  totalConcurrentCopies: u32(0),
  maximumIdentifiedConcurrentCopies: u32(4),
  maximumSegmentLength: u32(8),
  dataSegmentGranularity: u8(12),
  inlineDataGranularity: u8(13),
});

/** What stands behind the page's header. `concurrentCopies`: how many the whole target does at a time. */
export function encodeThirdPartyCopyPage(concurrentCopies: number, blockSize: number): Uint8Array {
  const commandList = [0x83, 0x84].flatMap((operationCode) => {
    const actions = serviceActionsOf(operationCode);
    return [operationCode, actions.length, ...actions];
  });
  const descriptorTypes = Object.values(CopyDescriptorType);
  return inOnePiece([
    // First of all, not only by its number: Windows looks no further.
    descriptor(DescriptorType.blockDeviceRodTokenLimits, tokenLimits(blockSize)),
    descriptor(DescriptorType.supportedCommands, Uint8Array.of(commandList.length, ...commandList)),
    descriptor(
      DescriptorType.parameterData,
      ParameterData.encode({
        maximumTargetDescriptorCount: CopyLimit.targetDescriptors,
        maximumSegmentDescriptorCount: CopyLimit.segmentDescriptors,
        maximumDescriptorListLength: CopyLimit.descriptorListLength,
      }),
    ),
    descriptor(DescriptorType.supportedDescriptors, Uint8Array.of(descriptorTypes.length, ...descriptorTypes)),
    descriptor(DescriptorType.supportedTargetDescriptorIds, Uint8Array.of(0, 2, OWN_UNIT >>> 8, OWN_UNIT & 0xff)),
    descriptor(DescriptorType.rodTokenFeatures, tokenFeatures()),
    descriptor(DescriptorType.supportedRodTypes, rodTypes()),
    descriptor(
      DescriptorType.generalCopyOperations,
      GeneralCopyOperations.encode({
        totalConcurrentCopies: concurrentCopies,
        maximumIdentifiedConcurrentCopies: Math.min(concurrentCopies, CopyLimit.copies),
        maximumSegmentLength: CopyLimit.segmentLength,
      }),
    ),
  ]);
}

function serviceActionsOf(operationCode: number): number[] {
  const descriptions = commandNames.map(describeCommand);
  return descriptions
    .filter((command) => command.operationCode === operationCode)
    .map(({ serviceAction = 0 }) => serviceAction);
}

function tokenLimits(blockSize: number): Uint8Array {
  return BlockDeviceRodTokenLimits.encode({
    maximumRangeDescriptors: TokenLimit.ranges,
    maximumInactivityTimeout: TokenLimit.maximumInactivityTimeout,
    defaultInactivityTimeout: TokenLimit.defaultInactivityTimeout,
    maximumTokenTransferSize: BigInt(TokenLimit.transferLength / blockSize),
    optimalTransferCount: BigInt(TokenLimit.optimalTransferLength / blockSize),
  });
}

/** How long a token lives follows from its use alone: no time is promised, none ends it (all ones). */
function tokenFeatures(): Uint8Array {
  const block = BlockRodFeatures.encode({
    length: BlockRodFeatures.size - 4,
    maximumBytes: BigInt(TokenLimit.transferLength),
    optimalBytes: BigInt(TokenLimit.optimalTransferLength),
    optimalBytesToTokenPerSegment: BigInt(TokenLimit.transferLength),
    optimalBytesFromTokenPerSegment: BigInt(TokenLimit.optimalTransferLength),
  });
  const features = RodTokenFeatures.encode({
    maximumTokenLifetime: 0xffff_ffff,
    maximumTokenInactivityTimeout: TokenLimit.maximumInactivityTimeout,
    typeSpecificFeaturesLength: block.length,
  });
  return inOnePiece([features, block]);
}

/** Tokens of the point in time types are made and taken; that of zeros everybody can make. */
function rodTypes(): Uint8Array {
  const { pointInTimeDefault, pointInTimeChangeVulnerable, zero } = RodType;
  const descriptors = [
    RodTypeDescriptor.encode({ rodType: pointInTimeDefault, tokenIn: true, tokenOut: true }),
    RodTypeDescriptor.encode({ rodType: pointInTimeChangeVulnerable, tokenIn: true, tokenOut: true }),
    RodTypeDescriptor.encode({ rodType: zero, tokenIn: true }),
  ];
  const length = descriptors.length * RodTypeDescriptor.size;
  return inOnePiece([Uint8Array.of(0, 0, length >>> 8, length & 0xff), ...descriptors]);
}

/** Content with its header, filled up to a multiple of four bytes, which the length counts. */
function descriptor(type: number, content: Uint8Array): Uint8Array {
  const length = (content.length + 3) & ~3;
  const result = new Uint8Array(DescriptorHeader.size + length);
  DescriptorHeader.write(result, 0, { type, length });
  result.set(content, DescriptorHeader.size);
  return result;
}
