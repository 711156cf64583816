/** What can be wrong with a command about blocks (SBC-3, SBC-4), before anything is read or written. */

import type { Sense } from '../../../../src/scsi/sense.ts';
import { BLOCK, type BlockCommand, UNIT_BLOCKS } from '../command.ts';
import { illegal, invalidInCdb } from '../expected.ts';

export const LBA_OUT_OF_RANGE = illegal(0x2100);
const GENERATION_DOES_NOT_MATCH = illegal(0x2c0c);

/** Bytes that the command takes of what goes out. */
export function wantedBytes({ kind, form, blocks, byteCheck, noDataOut }: BlockCommand): number {
  switch (kind) {
    case 'write':
    case 'write and verify':
    case 'orwrite':
    case 'write atomic':
      return blocks * BLOCK;
    case 'compare and write':
      return 2 * blocks * BLOCK;
    case 'write same':
      return noDataOut && form !== 10 ? 0 : BLOCK;
    case 'verify':
      if (byteCheck === 1) return blocks * BLOCK;
      return byteCheck === 3 && blocks > 0 ? BLOCK : 0;
    default:
      return 0;
  }
}

/** `granularity`: blocks of which atomic writes have to be made. */
export function blockFaults(command: BlockCommand, unit: { thin: boolean; granularity: number }): readonly Sense[] {
  return [...rangeFaults(command), ...fieldFaults(command, unit), ...amountFaults(command)];
}

function rangeFaults({ kind, lba, blocks }: BlockCommand): readonly Sense[] {
  const end = kind === 'get lba status' ? lba + 1n : lba + BigInt(blocks);
  return end > UNIT_BLOCKS ? [LBA_OUT_OF_RANGE] : [];
}

function fieldFaults(command: BlockCommand, { thin, granularity }: { thin: boolean; granularity: number }): Sense[] {
  const { kind, form, lba, blocks, protect, byteCheck, anchor, unmap, boundary } = command;
  const options = form === 32 ? 10 : 1;
  const faults: Sense[] = [];
  if (protect !== 0) faults.push(invalidInCdb(options));
  if (kind === 'verify' && byteCheck === 2) faults.push(invalidInCdb(options));
  if (kind === 'write and verify' && byteCheck > 1) faults.push(invalidInCdb(options));
  if (kind === 'write same' && (anchor || (unmap && !thin))) faults.push(invalidInCdb(options));
  if (kind === 'orwrite' && command.bitmapOperation !== 0) faults.push(invalidInCdb(2));
  if (kind === 'orwrite' && command.generation !== 0) faults.push(GENERATION_DOES_NOT_MATCH);
  if (kind === 'write atomic') {
    if (boundary !== 0) faults.push(invalidInCdb(10));
    if (lba % BigInt(granularity) !== 0n) faults.push(invalidInCdb(2));
    if (blocks % granularity !== 0) faults.push(invalidInCdb(12));
  }
  return faults;
}

/** Some commands cannot do a part of what they are for: they take all of their data, and nothing else. */
function amountFaults(command: BlockCommand): readonly Sense[] {
  const { kind, form, data } = command;
  if (data.length === wantedBytes(command)) return [];
  if (kind === 'compare and write') return [invalidInCdb(13)];
  if (kind === 'write atomic') return [invalidInCdb(12)];
  if (kind === 'write same') return [invalidInCdb(form === 10 ? 7 : form === 16 ? 10 : 28)];
  return [];
}
