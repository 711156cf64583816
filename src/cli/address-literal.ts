/** IP addresses as flags take them, alone and with a port. */

import { DisklessError, hostOfUri, ipv6Scope, isIpv4, parseIpv6 } from '../bytes/index.ts';
import { canonicalIpv6 } from '../iscsi/server-name.ts';
import type { Endpoint } from '../os/network.ts';

/** IPv4 as it is, IPv6 in its canonical form and without brackets, a link-local one with its interface. Raises USAGE_VALUE_INVALID. */
export function parseAddressLiteral(text: string): string {
  const address = isIpv4(text) ? text : ipv6Literal(hostOfUri(text));
  if (address !== undefined) return address;
  throw new DisklessError('USAGE_VALUE_INVALID', `"${text}" is no address`, {
    hint: 'Write it as 192.0.2.5 or 2001:db8::5, a link-local one with its interface: fe80::5%eth0.',
  });
}

/** `192.0.2.5:3260`, `[2001:db8::5]:3260`, `[fe80::5%eth0]:3260`, or the address alone; undefined when it is none of them. */
export function parseEndpoint(text: string, defaultPort: number): Endpoint | undefined {
  const match = /^(?:\[(?<v6>[^\]]*)\]|(?<v4>[\d.]+))(?::(?<port>\d{1,5}))?$/.exec(text);
  const { v4 = '', v6, port: portText } = match?.groups ?? {};
  const address = v6 === undefined ? [v4].find(isIpv4) : ipv6Literal(v6);
  const port = Number(portText ?? defaultPort);
  return address === undefined || port > 65_535 ? undefined : { address, port };
}

/** RFC 4007 §11: the interface (of a name of Linux) behind an address that is another one on each link, and behind no other. */
function ipv6Literal(text: string): string | undefined {
  const [literal = '', ...zones] = text.split('%');
  const address = canonicalIpv6(literal);
  if (address === undefined || zones.length === 0) return address;
  const isZone = zones.length === 1 && /^[^\s/]{1,15}$/.test(zones[0] ?? '');
  return isZone && ipv6Scope(parseIpv6(address)) === 'link-local' ? `${address}%${zones[0]}` : undefined;
}
