/** What the client was given, and until when. */

import type { Ipv4Address } from '../../bytes/index.ts';
import { type DhcpMessage, messageType } from '../message.ts';
import { Option } from '../option.ts';
import type { OptionType } from '../option-list.ts';
import { serverOf } from './offer.ts';

export interface DhcpLease {
  readonly address: Ipv4Address;
  readonly serverIdentifier: Ipv4Address;
  /** The server's last word: an ACK, or a BOOTP reply. */
  readonly reply: DhcpMessage;
  /** The offer that was taken; absent when an earlier address was confirmed. */
  readonly offer: DhcpMessage | undefined;
  /** What a proxyDHCP server added. */
  readonly proxyOffer: DhcpMessage | undefined;
  /** Why this offer and no other: a clause that follows "it". */
  readonly reason: string;
  /** Milliseconds on the clock of the caller; Infinity for a lease without end. */
  readonly renewAt: number;
  readonly rebindAt: number;
  readonly expiresAt: number;
}

const forEver = 0xffff_ffff;

/** `now` is when the request was sent: RFC 2131 §4.4.5 counts from there, since the reply may have taken long. */
export function leaseFrom(
  reply: DhcpMessage,
  context: Pick<DhcpLease, 'offer' | 'proxyOffer' | 'reason'>,
  now: number,
): DhcpLease {
  const isBootp = messageType(reply) === undefined;
  const seconds = isBootp ? forEver : (reply.options.get(Option.leaseTime) ?? forEver);
  const length = seconds === forEver ? Number.POSITIVE_INFINITY : seconds * 1000;
  const at = (option: OptionType<number>, share: number) => {
    const given = reply.options.find(option);
    const delay = given === undefined || given * 1000 > length ? length * share : given * 1000;
    return now + delay;
  };
  return {
    address: reply.yiaddr,
    serverIdentifier: serverOf(reply),
    reply,
    ...context,
    renewAt: at(Option.renewalTime, 0.5),
    rebindAt: at(Option.rebindingTime, 0.875),
    expiresAt: now + length,
  };
}

/**
 * A boot parameter from wherever it was given: the ACK, the offer before it (servers exist that give the Root Path only there), the
 * proxyDHCP server.
 */
export function bootParameter<T>(lease: DhcpLease, option: OptionType<T>): T | undefined {
  for (const message of [lease.reply, lease.offer, lease.proxyOffer]) {
    const value = message?.options.find(option);
    if (value !== undefined) return value;
  }
  return undefined;
}
