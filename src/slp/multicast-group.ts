/** Where multicast requests go (RFC 2608 §6.1; RFC 3111 §4.1 for IPv6). */

import type { SlpBody } from './body.ts';
import { DIRECTORY_AGENT } from './service-type.ts';

/** The administratively scoped group of IPv4. */
export const IPV4_GROUP = '239.255.255.253';

/** RFC 2608 §6.1. */
export const MULTICAST_TTL = 255;

/** The scopes of IPv6 that SLP uses: 1 is this node, 2 the link, 5 the site. */
export type Ipv6Scope = 1 | 2 | 3 | 4 | 5;

const ServiceLocation = 0x1000;
const encoder = new TextEncoder();

/** The low 10 bits of the type's hash; the type is taken as it is written. */
export function serviceTypeHash(serviceType: string): number {
  let hash = 0;
  for (const byte of encoder.encode(serviceType)) hash = (Math.imul(hash, 33) + byte) >>> 0;
  return hash & 0x3ff;
}

/** SVRLOC: service type requests and attribute requests. */
export function generalGroup(scope: Ipv6Scope): string {
  return `ff0${scope}::116`;
}

/** SVRLOC-DA: searches for DAs, and what DAs tell without being asked. */
export function directoryAgentGroup(scope: Ipv6Scope): string {
  return `ff0${scope}::123`;
}

/** The group of those that have services of a type. */
export function serviceTypeGroup(serviceType: string, scope: Ipv6Scope): string {
  return `ff0${scope}::1:${(ServiceLocation + serviceTypeHash(serviceType)).toString(16)}`;
}

/** The group of IPv6 that a message is multicast to. */
export function ipv6GroupOf(body: SlpBody, scope: Ipv6Scope): string {
  if (body.kind === 'DAAdvert') return directoryAgentGroup(scope);
  if (body.kind !== 'SrvRqst') return generalGroup(scope);
  return body.serviceType === DIRECTORY_AGENT ? directoryAgentGroup(scope) : serviceTypeGroup(body.serviceType, scope);
}
