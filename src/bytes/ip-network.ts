/** Networks of IPv4 and IPv6 addresses in prefix notation, for lists of who may come from where. */

import { DisklessError } from './error.ts';
import { ipv4ToBytes, isIpv4 } from './ipv4.ts';
import { addressWithoutZone, ipv6Bytes } from './ipv6.ts';

export interface IpNetwork {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  /** Bits that name the network: 0 to 32 or 128. */
  readonly prefix: number;
}

const IPV4_MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** `192.0.2.0/24`, `2001:db8::/32`, or one address. Raises ADDRESS_NETWORK_INVALID. */
export function parseIpNetwork(text: string): IpNetwork {
  const [literal = '', length, ...rest] = text.split('/');
  const address = addressBytes(literal);
  const prefix = length === undefined ? (address?.length ?? 0) * 8 : Number(length);
  const isSound = rest.length === 0 && (length === undefined || /^[0-9]{1,3}$/.test(length));
  if (address === undefined || !isSound || prefix > address.length * 8) {
    throw new DisklessError('ADDRESS_NETWORK_INVALID', `"${text}" is not a network`, {
      hint: 'Write an address and a prefix length, such as 192.0.2.0/24 or 2001:db8::/32.',
    });
  }
  return { address, prefix };
}

/** `address` is a literal; an IPv4 address that an IPv6 socket shows (`::ffff:192.0.2.1`) counts as the IPv4 one. */
export function inIpNetwork(address: string, network: IpNetwork): boolean {
  const bytes = addressBytes(address);
  if (bytes === undefined || bytes.length !== network.address.length) return false;
  return network.address.every((byte, index) => {
    const bits = Math.min(8, Math.max(0, network.prefix - index * 8));
    const mask = (0xff << (8 - bits)) & 0xff;
    return (byte & mask) === ((bytes[index] ?? 0) & mask);
  });
}

/** The 4 or 16 bytes of a literal; undefined when it is none. */
export function addressBytes(text: string): Uint8Array | undefined {
  if (isIpv4(text)) return ipv4ToBytes(text);
  const bytes = ipv6Bytes(addressWithoutZone(text));
  const isMapped = bytes !== undefined && IPV4_MAPPED.every((byte, index) => bytes[index] === byte);
  return isMapped ? bytes.subarray(12) : bytes;
}
