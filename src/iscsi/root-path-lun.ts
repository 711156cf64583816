/**
 * The LUN field of a Root Path (RFC 4173 §5): the eight bytes of a SAM logical unit number as four groups of four hexadecimal digits,
 * `4752-3A4F-6b7e-2F99`, of which leading zeros and trailing groups of zero may be left out: `4186-9`, `1`.
 */

import { ProtocolError } from '../bytes/index.ts';

const GROUPS = 4;

/** Eight bytes, as they go into a PDU's LUN field. Raises ROOT_PATH_LUN. */
export function parseLun(text: string): Uint8Array {
  const groups = text.split('-');
  const odd = groups.find((group) => !/^[0-9A-Fa-f]{1,4}$/.test(group));
  if (odd !== undefined) throw refused(text, `the group "${odd}" is not one to four hexadecimal digits`);
  if (groups.length > GROUPS) throw refused(text, `it has ${groups.length} groups and a LUN has at most ${GROUPS}`);
  const lun = new Uint8Array(2 * GROUPS);
  for (const [index, group] of groups.entries()) {
    const value = Number.parseInt(group, 16);
    lun[2 * index] = value >>> 8;
    lun[2 * index + 1] = value;
  }
  return lun;
}

/** The shortest form that RFC 4173 allows, in lower case. */
export function formatLun(lun: Uint8Array): string {
  const groups = Array.from({ length: GROUPS }, (_, index) => {
    return (((lun[2 * index] ?? 0) << 8) | (lun[2 * index + 1] ?? 0)).toString(16);
  });
  while (groups.length > 1 && groups[groups.length - 1] === '0') groups.pop();
  return groups.join('-');
}

function refused(text: string, reason: string): ProtocolError {
  return new ProtocolError('ROOT_PATH_LUN', `the LUN "${text}" cannot be read: ${reason}`, {
    hint: 'Write up to four groups of one to four hexadecimal digits with "-" between them: 0, 1f, 4186-9.',
  });
}
