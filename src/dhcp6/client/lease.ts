/** What the client was given, and until when. */

import type { Ipv6Address } from '../../bytes/index.ts';
import { formatDuid } from '../duid.ts';
import type { Dhcp6Message } from '../message.ts';
import { INFINITY, Option, StatusCode } from '../option.ts';
import type { IdentityAssociation } from '../option-codec.ts';
import type { OptionType } from '../option-list.ts';

export interface LeasedAddress {
  readonly address: Ipv6Address;
  /** Milliseconds on the clock of the caller; Infinity for ever. Not for new connections after `preferredUntil`. */
  readonly preferredUntil: number;
  readonly validUntil: number;
}

export interface Dhcp6Lease {
  /** At least one. Always with a prefix of 128: what else is on the link, routers tell (RFC 8415 §18.2.10.1). */
  readonly addresses: readonly LeasedAddress[];
  /** The server's DUID. */
  readonly serverIdentifier: Uint8Array;
  readonly reply: Dhcp6Message;
  /** The Advertise that was taken; absent when an earlier address was confirmed, or the server committed at once. */
  readonly advertise: Dhcp6Message | undefined;
  /** Why this server and no other: a clause that follows "it". */
  readonly reason: string;
  /** Milliseconds on the clock of the caller; Infinity for never. */
  readonly renewAt: number;
  readonly rebindAt: number;
  /** When the last address ends. */
  readonly expiresAt: number;
}

/** What a stateless client learned. */
export interface Dhcp6Information {
  readonly serverIdentifier: Uint8Array;
  readonly reply: Dhcp6Message;
  readonly reason: string;
  /** When to ask again, on the clock of the caller. */
  readonly refreshAt: number;
}

/** RFC 8415 §14.2: what a client does best with times that a server left to it (§21.4). */
const T1_SHARE = 0.5;
const T2_SHARE = 0.8;

/** The client's own IA in a message; undefined when it is absent or malformed. */
export function associationOf({ options }: Dhcp6Message, iaid: number): IdentityAssociation | undefined {
  return options.findAll(Option.iaNa).find((association) => association.iaid === iaid);
}

/** Addresses that the message gives, those of lifetime 0 left out (RFC 8415 §18.2.10.1). Undefined when there is none. */
export function leaseFrom(
  reply: Dhcp6Message,
  iaid: number,
  context: Pick<Dhcp6Lease, 'advertise' | 'reason'>,
  now: number,
): Dhcp6Lease | undefined {
  const association = associationOf(reply, iaid);
  const serverIdentifier = reply.options.find(Option.serverIdentifier);
  if (association === undefined || serverIdentifier === undefined) return undefined;
  const { t1, t2, options } = association;
  if (t1 > t2 && t2 > 0) return undefined;
  const given = options
    .findAll(Option.iaAddress)
    // RFC 8415 §21.6: an address that is preferred longer than valid is to be discarded.
    .filter(({ preferredLifetime, validLifetime }) => validLifetime > 0 && preferredLifetime <= validLifetime);
  if (given.length === 0) return undefined;
  const shortest = Math.min(...given.map(({ preferredLifetime }) => milliseconds(preferredLifetime)));
  const validity = Math.max(...given.map(({ validLifetime }) => milliseconds(validLifetime)));
  const at = (time: number, share: number) =>
    now + Math.min(time === 0 ? shortest * share : milliseconds(time), validity);
  return {
    addresses: given.map(({ address, preferredLifetime, validLifetime }) => ({
      address,
      preferredUntil: now + milliseconds(preferredLifetime),
      validUntil: now + milliseconds(validLifetime),
    })),
    serverIdentifier,
    reply,
    ...context,
    renewAt: at(t1, T1_SHARE),
    rebindAt: at(t2, T2_SHARE),
    expiresAt: now + validity,
  };
}

/**
 * The lease after a Reply to a Renew, a Rebind or a second Request: addresses that the Reply does not mention stay as they are
 * (RFC 8415 §18.2.10.1). `gone` when none is left; `forgotten` when the server does not know the client any more, and may give the same
 * addresses again; undefined when the Reply says nothing of the IA.
 */
export function renewedLease(
  before: Dhcp6Lease,
  reply: Dhcp6Message,
  iaid: number,
  now: number,
): Dhcp6Lease | 'gone' | 'forgotten' | undefined {
  const association = associationOf(reply, iaid);
  if (association === undefined) return undefined;
  if (statusOf(association).code === StatusCode.noBinding) return 'forgotten';
  const mentioned = association.options.findAll(Option.iaAddress).map(({ address }) => address);
  const kept = before.addresses.filter(({ address, validUntil }) => !mentioned.includes(address) && validUntil > now);
  const { advertise, reason } = before;
  const given = leaseFrom(reply, iaid, { advertise, reason }, now);
  if (given === undefined) return mentioned.length > 0 && kept.length === 0 ? 'gone' : undefined;
  const expiresAt = Math.max(given.expiresAt, ...kept.map(({ validUntil }) => validUntil));
  return { ...given, addresses: [...given.addresses, ...kept], expiresAt };
}

function milliseconds(seconds: number): number {
  return seconds === INFINITY ? Number.POSITIVE_INFINITY : seconds * 1000;
}

const IRT_DEFAULT = 86_400;
const IRT_MINIMUM = 600;

/** RFC 8415 §21.23 */
export function informationFrom(reply: Dhcp6Message, reason: string, now: number): Dhcp6Information | undefined {
  const serverIdentifier = reply.options.find(Option.serverIdentifier);
  if (serverIdentifier === undefined) return undefined;
  const seconds = reply.options.find(Option.informationRefreshTime) ?? IRT_DEFAULT;
  return { serverIdentifier, reply, reason, refreshAt: now + milliseconds(Math.max(seconds, IRT_MINIMUM)) };
}

/** The server's messages that led to an answer, each with its name; what an earlier one says counts more. */
export function messagesOf({
  serverIdentifier,
  reply,
  advertise,
}: Pick<Dhcp6Lease, 'serverIdentifier' | 'reply'> & Partial<Pick<Dhcp6Lease, 'advertise'>>): {
  name: string;
  message: Dhcp6Message;
}[] {
  const server = formatDuid(serverIdentifier);
  return [
    { name: `Reply of ${server}`, message: reply },
    ...(advertise === undefined ? [] : [{ name: `Advertise of ${server}`, message: advertise }]),
  ];
}

/** A boot parameter from wherever it was given: the Reply, or the Advertise before it. */
export function bootParameter<T>(
  { reply, advertise }: Pick<Dhcp6Lease, 'reply'> & Partial<Pick<Dhcp6Lease, 'advertise'>>,
  option: OptionType<T>,
): T | undefined {
  return reply.options.find(option) ?? advertise?.options.find(option);
}

/** The status of a message or of an IA: success when none is there (RFC 8415 §21.13). */
export function statusOf({ options }: Pick<IdentityAssociation, 'options'>): { code: number; message: string } {
  return options.find(Option.statusCode) ?? { code: StatusCode.success, message: '' };
}
