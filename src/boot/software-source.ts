/** Where the software of the software stage is (RFC 4173 §4): a URL of the user, or the boot file that DHCP names. */

import { DisklessError, hostOfUri } from '../bytes/index.ts';
import type { DhcpLease } from '../dhcp/client/lease.ts';
import type { DhcpMessage } from '../dhcp/message.ts';
import { Option } from '../dhcp/option.ts';

export type SoftwareChoice =
  /** The boot file that DHCP names. */
  { readonly kind: 'dhcp' } | { readonly kind: 'url'; readonly url: URL };

const protocols: ReadonlySet<string> = new Set(['tftp:', 'http:', 'https:']);

/** `off` (undefined), `dhcp`, or the URL of a file. Raises BOOT_SOFTWARE_URL. */
export function parseSoftwareChoice(text: string): SoftwareChoice | undefined {
  if (text === 'off') return undefined;
  if (text === 'dhcp') return { kind: 'dhcp' };
  return { kind: 'url', url: parseSoftwareUrl(text) };
}

/** The name or the address of the server, without the brackets that a URL has around an address of IPv6. */
export function hostOf({ hostname }: URL): string {
  return hostOfUri(hostname);
}

/** Raises BOOT_SOFTWARE_URL. */
export function parseSoftwareUrl(text: string, base?: URL): URL {
  const url = URL.canParse(text, base) ? new URL(text, base) : undefined;
  if (url !== undefined && protocols.has(url.protocol) && url.hostname !== '' && url.pathname.length > 1) return url;
  throw new DisklessError('BOOT_SOFTWARE_URL', `"${text}" is not where software could be fetched from`, {
    hint: 'Write tftp://SERVER/FILE or http://SERVER/FILE.',
  });
}

/**
 * What DHCP says of a boot file, from the first of its messages that names one: options 66 and 67 or the fields of the message (RFC
 * 2132 §9.4, §9.5), the server by option 150 where that is there (RFC 5859 §3). UEFI's HTTP boot has a whole URL in the name. Undefined
 * when no file is named. Raises BOOT_SOFTWARE_URL.
 */
export function softwareOfDhcp({ reply, offer, proxyOffer }: DhcpLease): URL | undefined {
  for (const message of [reply, offer, proxyOffer]) {
    const file = message && bootFileOf(message);
    if (message !== undefined && file !== undefined) return urlOf(file, message);
  }
  return undefined;
}

function bootFileOf({ file, options }: DhcpMessage): string | undefined {
  // Some servers count the NUL at the end (RFC 2132 §2).
  const name = (options.find(Option.bootFileName) ?? file).replace(/\0+$/, '');
  return name === '' ? undefined : name;
}

function urlOf(file: string, { options, siaddr, sname }: DhcpMessage): URL {
  if (/^[a-z]+:\/\//i.test(file)) return parseSoftwareUrl(file);
  const named = (options.find(Option.tftpServerName) ?? sname).replace(/\0+$/, '');
  const server = options.find(Option.tftpServerAddresses)?.[0] ?? (named === '' ? siaddr : named);
  // The name is the server's business: what a URL would read as query or fragment is part of it.
  const path = file.split('/').map(encodeURIComponent).join('/');
  return parseSoftwareUrl(`tftp://${server}/${path}`);
}

/** The name that a TFTP server is asked for: all that follows the slash after the server. */
export function tftpFileName({ pathname, search }: URL): string {
  const name = pathname.slice(1) + search;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
