/** What GET LBA STATUS answers (SBC-3): which blocks have storage behind them. */

import { bits, layout, readU32, u32, u64, writeU32 } from '../bytes/index.ts';

const HEADER_LENGTH = 8;

const StatusDescriptor = layout('LBA status descriptor', 16, {
  logicalBlockAddress: u64(0),
  numberOfBlocks: u32(8),
  provisioningStatus: bits(12, 0, 4),
});

/** PROVISIONING STATUS (SBC-3, GET LBA STATUS). */
export const ProvisioningStatus = { mapped: 0, deallocated: 1, anchored: 2 } as const;

/** A run of blocks of one status. */
export interface LbaStatus {
  readonly logicalBlockAddress: number;
  /** 1 to 2^32-1 */
  readonly numberOfBlocks: number;
  /** A value of ProvisioningStatus. */
  readonly provisioningStatus: number;
}

export function encodeLbaStatus(runs: readonly LbaStatus[]): Uint8Array {
  const result = new Uint8Array(HEADER_LENGTH + runs.length * StatusDescriptor.size);
  // The length counts from behind its own field.
  writeU32(result, 0, result.length - 4);
  runs.forEach((run, index) => {
    StatusDescriptor.write(result, HEADER_LENGTH + index * StatusDescriptor.size, {
      logicalBlockAddress: BigInt(run.logicalBlockAddress),
      numberOfBlocks: run.numberOfBlocks,
      provisioningStatus: run.provisioningStatus,
    });
  });
  return result;
}

/** The whole descriptors of an answer, which may have been cut short. */
export function decodeLbaStatus(data: Uint8Array): LbaStatus[] {
  const runs: LbaStatus[] = [];
  if (data.length < HEADER_LENGTH) return runs;
  const end = Math.min(data.length, 4 + readU32(data, 0));
  for (let at = HEADER_LENGTH; at + StatusDescriptor.size <= end; at += StatusDescriptor.size) {
    const view = StatusDescriptor.view(data, at);
    runs.push({
      logicalBlockAddress: Number(view.logicalBlockAddress),
      numberOfBlocks: view.numberOfBlocks,
      provisioningStatus: view.provisioningStatus,
    });
  }
  return runs;
}
