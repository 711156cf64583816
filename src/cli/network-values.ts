/** Values of settings that are of either family of addresses: how they are written, and which are of which. */

import {
  DisklessError,
  hostOfUri,
  type Ipv4Address,
  type Ipv6Address,
  type Ipv6Prefix,
  ipv4Subnet,
  ipv6Prefix,
  isIpv4,
  parseIpv4,
  parseIpv6,
  parseMac,
} from '../bytes/index.ts';
import type { AddressRange } from '../dhcp/server/subnet.ts';
import type { Ipv6Range } from '../dhcp6/server/link.ts';
import type { RelayedPrefix, RelayedSubnet, Reservation } from '../server/options.ts';

/** A value with what tells its family. */
export type OfFamily<V4, V6> =
  | { readonly family: 'ipv4'; readonly value: V4 }
  | { readonly family: 'ipv6'; readonly value: V6 };

export function ipv4Of<V4, V6>(values: readonly OfFamily<V4, V6>[]): V4[] {
  return values.flatMap((each) => (each.family === 'ipv4' ? [each.value] : []));
}

export function ipv6Of<V4, V6>(values: readonly OfFamily<V4, V6>[]): V6[] {
  return values.flatMap((each) => (each.family === 'ipv6' ? [each.value] : []));
}

/** An IPv6 address may be in brackets. Raises ADDRESS_IPV4_INVALID, ADDRESS_IPV6_INVALID. */
export function parseAddress(text: string): OfFamily<Ipv4Address, Ipv6Address> {
  if (!text.includes(':')) return { family: 'ipv4', value: parseIpv4(text) };
  return { family: 'ipv6', value: parseIpv6(hostOfUri(text)) };
}

/** `192.0.2.100-192.0.2.199`, `fd00::100-fd00::199`. */
export function parseRange(text: string): OfFamily<AddressRange, Ipv6Range> {
  const [first, last, rest] = text.split('-').map((part) => part.trim());
  if (first === undefined || last === undefined || rest !== undefined) {
    throw invalid(
      `"${text}" is not a range of addresses`,
      'Write the first and the last, such as 192.0.2.100-192.0.2.199 or fd00::100-fd00::199.',
    );
  }
  if (first.includes(':')) return { family: 'ipv6', value: { first: parseIpv6(first), last: parseIpv6(last) } };
  return { family: 'ipv4', value: { first: parseIpv4(first), last: parseIpv4(last) } };
}

/** A network with all but two of its bits at most in its prefix: `fd00:77::/64`. */
export function parseIpv6Prefix(text: string): Ipv6Prefix {
  const { address, length } = addressWithLength(text, 126) ?? {};
  if (address === undefined || length === undefined || isIpv4(address)) {
    throw invalid(`"${text}" is not an IPv6 network`, 'Write it with its length of at most 126, such as fd00:77::/64.');
  }
  return ipv6Prefix(parseIpv6(address), length);
}

/** `192.0.2.1/24`, `fd00:2::1/64`: the router and the network in one; the network's own address stands for no router. */
export function parseRelayedNetwork(text: string): OfFamily<RelayedSubnet, RelayedPrefix> {
  const { address, length } = addressWithLength(text, text.includes(':') ? 126 : 30) ?? {};
  if (address === undefined || length === undefined) {
    throw invalid(
      `"${text}" is not a network behind a relay agent`,
      'Write its router and prefix, such as 192.0.2.1/24 or fd00:2::1/64.',
    );
  }
  if (isIpv4(address)) {
    const subnet = ipv4Subnet(address, length);
    return { family: 'ipv4', value: { subnet, router: address === subnet.network ? undefined : address } };
  }
  const router = parseIpv6(address);
  const prefix = ipv6Prefix(router, length);
  return { family: 'ipv6', value: { prefix, router: router === prefix.network ? undefined : router } };
}

function addressWithLength(text: string, longest: number): { address: string; length: number } | undefined {
  const [, address, digits] = /^([\d.]+|[\da-fA-F:.]*:[\da-fA-F:.]*)\/(\d{1,3})$/.exec(text) ?? [];
  const length = Number(digits);
  if (address === undefined || length > longest) return undefined;
  return { address: address.includes(':') ? address : parseIpv4(address), length };
}

/** `52:54:00:12:34:56=192.0.2.9`, `id:0152540012=192.0.2.9`, `duid:0003000152540012=fd00::9`, `uuid:00112233-...=fd00::9`. */
export function parseReservation(text: string): OfFamily<Reservation<Ipv4Address>, Reservation<Ipv6Address>> {
  const [client, address, rest] = text.split('=').map((part) => part.trim());
  if (client === undefined || address === undefined || rest !== undefined) {
    throw invalid(`"${text}" is not a client and its address`, 'Write both with = between them.');
  }
  const given = parseAddress(address);
  const key = parseClientKey(client);
  if (given.family === 'ipv4' && !key.startsWith('duid:')) {
    return { family: 'ipv4', value: { client: key, address: given.value } };
  }
  if (given.family === 'ipv6' && !key.startsWith('id:')) {
    return { family: 'ipv6', value: { client: key, address: given.value } };
  }
  throw invalid(`"${text}" names a client of the other DHCP`, 'Clients have an id: in DHCPv4 and a duid: in DHCPv6.');
}

/** Identifiers and UUIDs as text that compares, in lower case. */
function parseClientKey(text: string): string {
  const lower = text.toLowerCase();
  if (/^(id|duid):([0-9a-f]{2})+$/.test(lower)) return lower;
  if (/^uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(lower)) return lower;
  if (!/^(id|duid|uuid):/.test(lower)) return parseMac(text);
  throw invalid(
    `"${text}" names no client`,
    'Write a MAC address, id: or duid: and pairs of hexadecimal digits, or uuid: and a UUID.',
  );
}

function invalid(message: string, hint: string): DisklessError {
  return new DisklessError('USAGE_VALUE_INVALID', message, { hint });
}
