/** Hardware (MAC) addresses, kept as lower-case text `52:54:00:12:34:56` so that they compare, sort and print as they are. */

import { DisklessError } from './error.ts';

export type MacAddress = string & { readonly kind: 'MacAddress' };

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Six bytes to text. */
export function macFromBytes(bytes: Uint8Array): MacAddress {
  let mac = hexOfByte[bytes[0] ?? 0] ?? '';
  for (let at = 1; at < 6; at++) mac += `:${hexOfByte[bytes[at] ?? 0]}`;
  return mac as MacAddress;
}

export function macToBytes(mac: MacAddress): Uint8Array {
  return Uint8Array.from(mac.split(':'), (pair) => Number.parseInt(pair, 16));
}

/** Reads `52:54:00:12:34:56`, `52-54-00-12-34-56` and `525400123456`, either case. Raises ADDRESS_MAC_INVALID. */
export function parseMac(text: string): MacAddress {
  const hex = text.toLowerCase();
  if (!/^([0-9a-f]{2})([:-]?[0-9a-f]{2}){5}$/.test(hex)) {
    throw new DisklessError('ADDRESS_MAC_INVALID', `"${text}" is not a MAC address`, {
      hint: 'Write six pairs of hex digits, such as 52:54:00:12:34:56.',
    });
  }
  return (hex.replaceAll(/[:-]/g, '').match(/../g) ?? []).join(':') as MacAddress;
}
