/** The files of `diskless target` by their LUN, as the command line gives them. */

import { DisklessError } from '../bytes/index.ts';
import { MAXIMUM_LUN } from '../scsi/lun.ts';

/** `N=FILE`. Raises USAGE_LUN_INVALID. */
export function parseLun(text: string): readonly [number, string] {
  const { number, file } = /^(?<number>\d{1,5})=(?<file>.+)$/s.exec(text)?.groups ?? {};
  if (number === undefined || file === undefined || Number(number) > MAXIMUM_LUN) {
    throw new DisklessError('USAGE_LUN_INVALID', `"${text}" is not a logical unit number and a file`, {
      hint: `Write one such as 1=second.img; numbers go up to ${MAXIMUM_LUN}.`,
    });
  }
  return [Number(number), file];
}

/** The files by LUN, the argument's as 0. Raises USAGE_LUN_INVALID. */
export function filesByLun(file: string, others: readonly (readonly [number, string])[]): ReadonlyMap<number, string> {
  const files = new Map([[0, file]]);
  for (const [number, other] of others) {
    if (files.has(number)) {
      throw new DisklessError('USAGE_LUN_INVALID', `LUN ${number} is given twice: ${files.get(number)} and ${other}`, {
        hint: 'Give each file a number of its own; 0 is the file without one.',
      });
    }
    files.set(number, other);
  }
  return files;
}
