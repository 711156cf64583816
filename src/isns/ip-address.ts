/** IP addresses as iSNS writes them: 16 bytes, an IPv4 address as the IPv6 one that stands for it (RFC 4171 §6.3.1). */

import { addressBytes, DisklessError, ipv4FromBytes, ipv6FromBytes } from '../bytes/index.ts';

const MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** `address` is a literal. Raises ISNS_ADDRESS_INVALID. */
export function ipToBytes(address: string): Uint8Array {
  const bytes = addressBytes(address);
  if (bytes === undefined) {
    throw new DisklessError('ISNS_ADDRESS_INVALID', `"${address}" is not an IP address`, {
      hint: 'Write an IPv4 or an IPv6 address.',
    });
  }
  return bytes.length === 16 ? bytes : Uint8Array.from([...MAPPED, ...bytes]);
}

/** `bytes` are 16. */
export function ipFromBytes(bytes: Uint8Array): string {
  if (MAPPED.every((byte, index) => bytes[index] === byte) || isCompatible(bytes)) return ipv4FromBytes(bytes, 12);
  return ipv6FromBytes(bytes);
}

/** open-isns registers IPv4 addresses in the form that RFC 4291 §2.5.5.1 has given up (`::192.0.2.1`), which nothing else has. */
function isCompatible(bytes: Uint8Array): boolean {
  return bytes[12] !== 0 && bytes.subarray(0, 12).every((byte) => byte === 0);
}
