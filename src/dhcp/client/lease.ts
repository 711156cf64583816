/** What the client was given, and until when. */

import { IPV4_ANY, type Ipv4Address } from '../../bytes/index.ts';
import type { AuthenticationKey } from '../authentication.ts';
import { type DhcpMessage, MessageType, messageType } from '../message.ts';
import { Option } from '../option.ts';
import type { OptionType } from '../option-list.ts';
import { serverOf } from './offer.ts';

export interface DhcpLease {
  /** The one that was given; the client's own where it asked for parameters alone. */
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
  /** The key that the server proved; undefined where nobody asked for proof. */
  readonly key: AuthenticationKey | undefined;
  /** Milliseconds on the clock of the caller; Infinity for a lease without end. */
  readonly renewAt: number;
  readonly rebindAt: number;
  readonly expiresAt: number;
}

/** What a lease keeps when it is prolonged. */
export type LeaseContext = Pick<DhcpLease, 'offer' | 'proxyOffer' | 'reason' | 'key'>;

const forEver = 0xffff_ffff;

/** `now` is when the request was sent: RFC 2131 §4.4.5 counts from there, since the reply may have taken long. */
export function leaseFrom(reply: DhcpMessage, address: Ipv4Address, context: LeaseContext, now: number): DhcpLease {
  // BOOTP knows no time, and the client's own address is not the server's to limit.
  const isLent = messageType(reply) === MessageType.ack && reply.yiaddr === address;
  const seconds = isLent ? (reply.options.get(Option.leaseTime) ?? forEver) : forEver;
  const length = seconds === forEver ? Number.POSITIVE_INFINITY : seconds * 1000;
  const at = (option: OptionType<number>, share: number) => {
    // Nothing has to be prolonged that does not end, whatever T1 and T2 say.
    if (seconds === forEver) return Number.POSITIVE_INFINITY;
    const given = reply.options.find(option);
    const delay = given === undefined || given * 1000 > length ? length * share : given * 1000;
    return now + delay;
  };
  return {
    address,
    serverIdentifier: serverOf(reply),
    reply,
    ...context,
    renewAt: at(Option.renewalTime, 0.5),
    rebindAt: at(Option.rebindingTime, 0.875),
    expiresAt: now + length,
  };
}

/** The server's messages that led to a lease, each with its name; what an earlier one says counts more. */
export function messagesOf({ reply, offer, proxyOffer }: DhcpLease): { name: string; message: DhcpMessage }[] {
  const named = (what: string, message: DhcpMessage | undefined) =>
    message === undefined ? [] : [{ name: `${what} of ${serverText(serverOf(message))}`, message }];
  return [
    ...named(messageType(reply) === undefined ? 'reply' : 'ACK', reply),
    // Servers exist that give the Root Path only there.
    ...named('offer', offer === reply ? undefined : offer),
    ...named('proxyDHCP offer', proxyOffer),
  ];
}

/** BOOTP servers need not say who they are. */
export function serverText(server: Ipv4Address): string {
  return server === IPV4_ANY ? 'a nameless server' : server;
}

/** A boot parameter from wherever it was given. */
export function bootParameter<T>(lease: DhcpLease, option: OptionType<T>): T | undefined {
  for (const { message } of messagesOf(lease)) {
    const value = message.options.find(option);
    if (value !== undefined) return value;
  }
  return undefined;
}
