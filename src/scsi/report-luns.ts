/** The list that REPORT LUNS answers (SPC-4). */

import { readU32, writeU32 } from '../bytes/index.ts';
import { decodeLun, encodeLun, LUN_LENGTH } from './lun.ts';

const HEADER_LENGTH = 8;

/** SELECT REPORT: all units but well known ones, well known ones, all. */
export const SelectReport = { addressable: 0x00, wellKnown: 0x01, all: 0x02 } as const;

export function encodeLunList(luns: readonly number[]): Uint8Array {
  const result = new Uint8Array(HEADER_LENGTH + luns.length * LUN_LENGTH);
  writeU32(result, 0, luns.length * LUN_LENGTH);
  luns.forEach((lun, index) => {
    result.set(encodeLun(lun), HEADER_LENGTH + index * LUN_LENGTH);
  });
  return result;
}

/** The units of a list whose addressing this project speaks. `complete` is false when the list was cut short. */
export function decodeLunList(data: Uint8Array): { readonly luns: number[]; readonly complete: boolean } {
  if (data.length < HEADER_LENGTH) return { luns: [], complete: false };
  const length = readU32(data, 0);
  const end = Math.min(data.length, HEADER_LENGTH + length);
  const luns: number[] = [];
  for (let at = HEADER_LENGTH; at + LUN_LENGTH <= end; at += LUN_LENGTH) {
    const lun = decodeLun(data, at);
    if (lun !== undefined) luns.push(lun);
  }
  return { luns, complete: data.length >= HEADER_LENGTH + length };
}
