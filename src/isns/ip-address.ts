/** IP addresses as iSNS writes them: 16 bytes, an IPv4 address as the IPv6 one that stands for it (RFC 4171 §6.3.1). */

import { addressBytes, DisklessError, ipv4FromBytes, readU16 } from '../bytes/index.ts';

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
  const groups = Array.from({ length: 8 }, (_, index) => readU16(bytes, index * 2).toString(16));
  const zeros = longestZeros(groups);
  if (zeros === undefined) return groups.join(':');
  return `${groups.slice(0, zeros.start).join(':')}::${groups.slice(zeros.start + zeros.length).join(':')}`;
}

/** open-isns registers IPv4 addresses in the form that RFC 4291 §2.5.5.1 has given up (`::192.0.2.1`), which nothing else has. */
function isCompatible(bytes: Uint8Array): boolean {
  return bytes[12] !== 0 && bytes.subarray(0, 12).every((byte) => byte === 0);
}

/** RFC 5952 §4.2: the first of the longest runs, and no run of one. */
function longestZeros(groups: readonly string[]): { start: number; length: number } | undefined {
  let longest: { start: number; length: number } | undefined;
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === '0') length++;
    if (length >= 2 && length > (longest?.length ?? 0)) longest = { start, length };
  }
  return longest;
}
