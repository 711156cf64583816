/** The parameter list of UNMAP (SBC-3). */

import { layout, readU16, u16, u32, u64 } from '../bytes/index.ts';

const Header = layout('UNMAP parameter list header', 8, { dataLength: u16(0), blockDescriptorDataLength: u16(2) });
const BlockDescriptor = layout('UNMAP block descriptor', 16, { logicalBlockAddress: u64(0), numberOfBlocks: u32(8) });

export interface UnmapRange {
  readonly logicalBlockAddress: bigint;
  readonly numberOfBlocks: number;
}

/**
 * The ranges of a parameter list; undefined when it is shorter than its header says. A length that is no multiple of a
 * descriptor's is cut down to one, as SBC-3 asks.
 */
export function decodeUnmap(parameters: Uint8Array): UnmapRange[] | undefined {
  if (parameters.length < Header.size) return undefined;
  const length = readU16(parameters, 2);
  const count = Math.floor(length / BlockDescriptor.size);
  if (Header.size + count * BlockDescriptor.size > parameters.length) return undefined;
  return Array.from({ length: count }, (_, index) => {
    const view = BlockDescriptor.view(parameters, Header.size + index * BlockDescriptor.size);
    return { logicalBlockAddress: view.logicalBlockAddress, numberOfBlocks: view.numberOfBlocks };
  });
}

export function encodeUnmap(ranges: readonly UnmapRange[]): Uint8Array<ArrayBuffer> {
  const length = ranges.length * BlockDescriptor.size;
  const result = new Uint8Array(Header.size + length);
  Header.write(result, 0, { dataLength: Header.size - 2 + length, blockDescriptorDataLength: length });
  ranges.forEach((range, index) => {
    BlockDescriptor.write(result, Header.size + index * BlockDescriptor.size, range);
  });
  return result;
}
