/** Service types and the URLs that have them (RFC 2608 §4, RFC 2609 §2). */

import { uriHost } from '../bytes/index.ts';
import { folded } from './text.ts';

export const DIRECTORY_AGENT = 'service:directory-agent';
export const SERVICE_AGENT = 'service:service-agent';

/** A URL in the place of a service type has an address behind its type. */
export function isUrl(text: string): boolean {
  return text.includes(':/');
}

/** The type of a URL: what is before the last colon in front of the address (RFC 2608 §4.1). */
export function serviceTypeOf(url: string): string {
  return url.slice(0, Math.max(0, url.indexOf(':/')));
}

/** An abstract type stands for all its concrete ones: `service:iscsi` for `service:iscsi:target`. */
export function isOfType(serviceType: string, wanted: string): boolean {
  const [type, asked] = [folded(serviceType), folded(wanted)];
  return type === asked || (/^service:[^:]+$/.test(asked) && type.startsWith(`${asked}:`));
}

/** Who defines the type: '' is IANA (RFC 2608 §4.2). The abstract type carries it where there is one. */
export function namingAuthorityOf(serviceType: string): string {
  const type = serviceType.replace(/^service:/i, '').split(':')[0] ?? '';
  const dot = type.lastIndexOf('.');
  return dot < 0 ? '' : type.slice(dot + 1);
}

/** Where an agent is found; `address` is a literal without brackets. */
export function agentUrl(serviceType: string, address: string): string {
  return `${serviceType}://${uriHost(address)}`;
}
