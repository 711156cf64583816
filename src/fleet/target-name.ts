/**
 * The target name of a machine: `<prefix>:52-54-00-12-34-56`. It follows from the hardware address alone, so that it is the same on
 * every server and after every loss of state.
 */

import { type MacAddress, parseMac } from '../bytes/index.ts';

export function targetNameOf(prefix: string, hardwareAddress: MacAddress): string {
  return `${prefix}:${hardwareAddress.replaceAll(':', '-')}`;
}

/** The machine that a target name stands for; undefined when the name is not of that form. */
export function hardwareAddressOf(prefix: string, targetName: string): MacAddress | undefined {
  if (!targetName.startsWith(`${prefix}:`)) return undefined;
  const rest = targetName.slice(prefix.length + 1);
  return /^[0-9a-f]{2}(-[0-9a-f]{2}){5}$/.test(rest) ? parseMac(rest) : undefined;
}
