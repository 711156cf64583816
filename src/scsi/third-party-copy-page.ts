/** The Third-party Copy VPD page, 8Fh: what copies a unit can do (SPC-4 §7.8.17). */

import { layout, u8, u16, u32 } from '../bytes/index.ts';
import { CopyDescriptorType, CopyLimit, ExtendedCopyAction, OWN_UNIT, ReceiveCopyAction } from './third-party-copy.ts';

/** SPC-4 table 632 */
const DescriptorType = {
  supportedCommands: 0x0001,
  parameterData: 0x0004,
  supportedDescriptors: 0x0008,
  supportedTargetDescriptorIds: 0x000c,
  generalCopyOperations: 0x8001,
} as const;

const DescriptorHeader = layout('third-party copy descriptor', 4, { type: u16(0), length: u16(2) });

const ParameterData = layout('Parameter Data third-party copy descriptor', 28, {
  maximumTargetDescriptorCount: u16(4),
  maximumSegmentDescriptorCount: u16(6),
  maximumDescriptorListLength: u32(8),
  maximumInlineDataLength: u32(12),
});

const GeneralCopyOperations = layout('General Copy Operations third-party copy descriptor', 32, {
  totalConcurrentCopies: u32(0),
  maximumIdentifiedConcurrentCopies: u32(4),
  maximumSegmentLength: u32(8),
  dataSegmentGranularity: u8(12),
  inlineDataGranularity: u8(13),
});

/** Operation codes with the service actions that exist of each. */
const commands: readonly (readonly [number, readonly number[]])[] = [
  [0x83, Object.values(ExtendedCopyAction)],
  [0x84, Object.values(ReceiveCopyAction)],
];

/** What stands behind the page's header, descriptors in ascending order of their types. */
export function encodeThirdPartyCopyPage(concurrentCopies: number): Uint8Array<ArrayBuffer> {
  const commandList = commands.flatMap(([operationCode, actions]) => [operationCode, actions.length, ...actions]);
  const descriptorTypes = Object.values(CopyDescriptorType);
  return concatenated([
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

/** Content with its header, filled up to a multiple of four bytes, which the length counts. */
function descriptor(type: number, content: Uint8Array): Uint8Array {
  const length = (content.length + 3) & ~3;
  const result = new Uint8Array(DescriptorHeader.size + length);
  DescriptorHeader.write(result, 0, { type, length });
  result.set(content, DescriptorHeader.size);
  return result;
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
