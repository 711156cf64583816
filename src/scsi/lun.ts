/**
 * Logical unit numbers on the wire: eight bytes, of which this project uses the first level (SAM-5). Numbers below 256 are
 * written with the peripheral device addressing method, larger ones with flat space addressing; both are read.
 */

import { layout, u16 } from '../bytes/index.ts';

/** Bytes of a LUN field. */
export const LUN_LENGTH = 8;

/** The largest number that flat space addressing holds. */
export const MAXIMUM_LUN = 0x3fff;

const SingleLevel = layout('single level LUN', LUN_LENGTH, {
  first: u16(0),
  second: u16(2),
  third: u16(4),
  fourth: u16(6),
});

const AddressMethod = { peripheral: 0, flatSpace: 1 } as const;

/** A number of 0 to MAXIMUM_LUN as eight bytes. */
export function encodeLun(number: number): Uint8Array<ArrayBuffer> {
  return SingleLevel.encode({ first: number < 256 ? number : (AddressMethod.flatSpace << 14) | number });
}

/** The number at `start`, or undefined when it is addressed in a way that no unit of ours has (other levels, buses, well-known). */
export function decodeLun(source: Uint8Array, start = 0): number | undefined {
  const { first: firstLevel, second, third, fourth } = SingleLevel.fields;
  if ((second.read(source, start) | third.read(source, start) | fourth.read(source, start)) !== 0) return undefined;
  const first = firstLevel.read(source, start);
  const method = first >>> 14;
  if (method === AddressMethod.flatSpace) return first & 0x3fff;
  // The other six bits name a bus; bus 0 is the target itself.
  if (method === AddressMethod.peripheral && first < 256) return first;
  return undefined;
}

/** Whether two LUN fields name the same unit, in whichever way each of them is written. */
export function sameLun(a: Uint8Array, b: Uint8Array): boolean {
  const number = decodeLun(a);
  if (number !== undefined) return number === decodeLun(b);
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
