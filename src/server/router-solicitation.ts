/** Router solicitations (RFC 4861 §4.1, §6.1.1): a host that has just come up asks who is there, and hears at once what it is to do. */

import { IPV6_ANY } from '../bytes/index.ts';
import {
  type HeardIcmpv6,
  NEVER_FORWARDED,
  ROUTER_SOLICITATION_TYPE,
  SOURCE_LINK_LAYER_ADDRESS_TYPE,
} from '../os/icmpv6-socket.ts';

const HEADER = 8;

/** Whether it is one that a router must answer: all others are silently discarded (RFC 4861 §6.1.1). */
export function isRouterSolicitation({ message, source, hopLimit }: HeardIcmpv6): boolean {
  if (hopLimit !== NEVER_FORWARDED || message.length < HEADER) return false;
  if (message[0] !== ROUTER_SOLICITATION_TYPE || message[1] !== 0) return false;
  const types = optionTypes(message);
  // Who has no address yet has nothing that its card's could belong to.
  return types !== undefined && !(source === IPV6_ANY && types.includes(SOURCE_LINK_LAYER_ADDRESS_TYPE));
}

/** Undefined when an option is empty or cut (RFC 4861 §4.6): lengths are in units of eight bytes. */
function optionTypes(message: Uint8Array): number[] | undefined {
  const types: number[] = [];
  for (let at = HEADER; at < message.length; ) {
    const [type, units = 0] = message.subarray(at, at + 2);
    if (type === undefined || units === 0 || at + units * 8 > message.length) return undefined;
    types.push(type);
    at += units * 8;
  }
  return types;
}
