/** How far addresses reach: services that the asker cannot reach are not told (RFC 3111 §4.2.3). */

import type { Ipv6Scope } from './multicast-group.ts';

/** IPv4 addresses count as global: SLP knows no scopes of theirs. */
export type AddressScope = 'link-local' | 'site-local' | 'global';

const order: readonly AddressScope[] = ['link-local', 'site-local', 'global'];

/** RFC 4291 §2.5.6, §2.5.7. The loopback address reaches no further than a link does. */
export function addressScope(address: string): AddressScope {
  const text = address.toLowerCase();
  if (text === '::1' || /^fe[89ab][0-9a-f]:/.test(text)) return 'link-local';
  return /^fe[c-f][0-9a-f]:/.test(text) ? 'site-local' : 'global';
}

/** The scope of a URL's address; a host name has none of its own, and is taken to reach everywhere. */
export function urlScope(url: string): AddressScope {
  const literal = /:\/\/\[([0-9A-Fa-f:.]+)(?:%[^\]]*)?\]/.exec(url)?.[1];
  return literal === undefined ? 'global' : addressScope(literal);
}

/** Figure 1 of RFC 3111: the service's address reaches at least as far as the asker's. */
export function reachesAsker(url: string, asker: string): boolean {
  return order.indexOf(urlScope(url)) >= order.indexOf(addressScope(asker));
}

/** Scopes that a message may be multicast to from an address, the narrowest first (RFC 3111 §4.2.2). */
export function multicastScopes(source: string): readonly Ipv6Scope[] {
  return addressScope(source) === 'link-local' ? [1, 2] : [1, 2, 3, 4, 5];
}
