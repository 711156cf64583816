/**
 * The server name of a Root Path: a host name, an IPv4 literal, or an IPv6 literal in brackets, in the URI syntax that RFC 4173 §5
 * refers to (RFC 2396 §3.2.2, RFC 2732). TargetAddress keys write hosts the same way (RFC 7143 §13.8).
 */

import { type Ipv4Address, isIpv4, ProtocolError } from '../bytes/index.ts';

export type ServerName =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'ipv4'; readonly address: Ipv4Address }
  /** The address is without brackets, in its canonical form (RFC 5952). */
  | { readonly kind: 'ipv6'; readonly address: string };

/** RFC 1035 §2.3.4: bytes of a name and of one label. */
const NAME_MAX_LENGTH = 253;
const LABEL_MAX_LENGTH = 63;

/** Reads `boot.example.com`, `192.0.2.5` or `[2001:db8::5]`. Raises ROOT_PATH_SERVER. */
export function parseServerName(text: string): ServerName {
  if (text.startsWith('[')) return { kind: 'ipv6', address: parseBracketed(text) };
  if (/^[0-9.]+$/.test(text) && text.split('.').length === 4) return { kind: 'ipv4', address: parseIpv4Literal(text) };
  return { kind: 'name', name: parseHostName(text) };
}

export function formatServerName(server: ServerName): string {
  if (server.kind === 'name') return server.name;
  return server.kind === 'ipv4' ? server.address : `[${server.address}]`;
}

/** The name or literal as sockets and resolvers take it, without brackets. */
export function serverHost(server: ServerName): string {
  return server.kind === 'name' ? server.name : server.address;
}

/**
 * The canonical form of an IPv6 literal, or undefined. The URL parser of the platform is the checker: it takes exactly the addresses
 * of RFC 4291 and no zone.
 */
export function canonicalIpv6(text: string): string | undefined {
  if (!/^[0-9A-Fa-f:.]+$/.test(text) || !URL.canParse(`http://[${text}]/`)) return undefined;
  return new URL(`http://[${text}]/`).hostname.slice(1, -1);
}

function parseBracketed(text: string): string {
  const address = text.endsWith(']') ? canonicalIpv6(text.slice(1, -1)) : undefined;
  if (address !== undefined) return address;
  throw refused(text, 'is no IPv6 address in brackets', 'Write an IPv6 server such as [2001:db8::5].');
}

/** RFC 2732 §3 gives each number one to three digits, so leading zeros are legal; the numbers are decimal all the same. */
function parseIpv4Literal(text: string): Ipv4Address {
  const address = text.replaceAll(/(?<![0-9])0{1,2}(?=[0-9])/g, '');
  if (isIpv4(address) && !/[0-9]{4}/.test(text)) return address;
  throw refused(text, 'is no IPv4 address', 'Write four decimal numbers of 0 to 255, such as 192.0.2.5.');
}

/** RFC 2396 §3.2.2: labels of letters, digits and inner dashes; the last one starts with a letter; one trailing dot is legal. */
function parseHostName(text: string): string {
  const labels = (text.endsWith('.') ? text.slice(0, -1) : text).split('.');
  const odd = labels.find((label) => !/^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$/.test(label));
  if (odd !== undefined) {
    throw refused(
      text,
      `has the part "${odd}"`,
      'A host name has parts of letters, digits and inner dashes between dots.',
    );
  }
  if (!/^[A-Za-z]/.test(labels[labels.length - 1] ?? '')) {
    throw refused(text, 'ends in a part that starts with a digit', 'An IPv6 address goes in brackets: [2001:db8::5].');
  }
  if (text.length > NAME_MAX_LENGTH || labels.some((label) => label.length > LABEL_MAX_LENGTH)) {
    throw refused(text, 'is too long', `At most ${NAME_MAX_LENGTH} characters, and ${LABEL_MAX_LENGTH} in one part.`);
  }
  return text;
}

function refused(text: string, problem: string, hint: string): ProtocolError {
  return new ProtocolError('ROOT_PATH_SERVER', `the server name "${text}" ${problem}`, { hint });
}
