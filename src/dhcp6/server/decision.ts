/**
 * What the server makes of a message: RFC 8415 §18.3 as rules over the leases. Nothing is changed here but the addresses that are held
 * for those that were advertised them; the server carries the verdict out.
 */

import type { Ipv6Address } from '../../bytes/index.ts';
import type { BootClient } from '../boot-client.ts';
import { type Dhcp6Message, MessageType } from '../message.ts';
import { INFINITY, Option, StatusCode } from '../option.ts';
import type { IdentityAssociation, Status } from '../option-codec.ts';
import type { AddressAllocation, Association } from './allocation.ts';
import type { IgnoreReason, LeaseChange } from './event.ts';
import { type ClientKey, type Lease, type LeaseStore, NEVER } from './lease.ts';
import { type Dhcp6Link, isOnLink } from './link.ts';

/** One message on its way through the server. */
export interface Exchange {
  readonly message: Dhcp6Message;
  readonly client: BootClient;
  /** Undefined only for an Information-request of a client that does not say who it is. */
  readonly identity: { readonly clientKey: ClientKey; readonly duid: string } | undefined;
  readonly link: Dhcp6Link;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** What an identity association of the client is told. */
export interface AssociationAnswer {
  /** Code of the option: IA_NA, IA_TA or IA_PD. */
  readonly code: number;
  readonly iaid: number;
  readonly granted: readonly Ipv6Address[];
  /** Not to be used any more: they get lifetimes of 0. */
  readonly withdrawn: readonly Ipv6Address[];
  readonly status?: Status;
}

export interface Change {
  readonly change: LeaseChange;
  readonly lease: Lease;
}

export type Verdict =
  | { readonly answer: 'ignore'; readonly reason: IgnoreReason }
  | {
      readonly answer: 'advertise' | 'reply';
      readonly associations: readonly AssociationAnswer[];
      /** Made durable before the answer leaves. */
      readonly changes: readonly Change[];
      readonly status?: Status;
      readonly isRapid?: boolean;
      /** The answer tells of the network and of booting. */
      readonly isConfiguring: boolean;
    };

type IdentifiedExchange = Exchange & { readonly identity: NonNullable<Exchange['identity']> };

/** How long an address that somebody else was found to use is left alone, in milliseconds. */
export const declineTime = 3_600_000;

/** In a Solicit: what one association is advertised is held for it, so no other one gets it. */
const noneTaken: ReadonlySet<Ipv6Address> = new Set();

const noAddresses = { code: StatusCode.noAddrsAvail, message: 'no address is left for this client' };
const noPrefixes = { code: StatusCode.noPrefixAvail, message: 'no prefixes are delegated here' };
const noBinding = { code: StatusCode.noBinding, message: 'this server has not given it' };
const notOnLink = { code: StatusCode.notOnLink, message: 'the address is of another link' };

export class Decisions {
  readonly #leases: LeaseStore;
  readonly #allocation: AddressAllocation;
  readonly #rapidCommit: boolean;

  constructor(leases: LeaseStore, allocation: AddressAllocation, rapidCommit: boolean) {
    this.#leases = leases;
    this.#allocation = allocation;
    this.#rapidCommit = rapidCommit;
  }

  /** The message has passed the rules of RFC 8415 §16. Raises DHCP6_OPTION_INVALID, DHCP6_OPTIONS_TRUNCATED. */
  decide(exchange: Exchange): Verdict {
    const { message, identity } = exchange;
    if (message.type === MessageType.informationRequest) {
      return { answer: 'reply', associations: [], changes: [], isConfiguring: true };
    }
    if (identity === undefined) return { answer: 'ignore', reason: 'invalid' };
    const identified = { ...exchange, identity };
    switch (message.type) {
      case MessageType.solicit:
        return this.#solicit(identified);
      case MessageType.request:
        return this.#request(identified, {});
      case MessageType.confirm:
        return this.#confirm(identified);
      case MessageType.renew:
        return this.#prolong(identified, true);
      case MessageType.rebind:
        return this.#prolong(identified, this.#rapidCommit);
      case MessageType.release:
        return this.#giveBack(identified, 'released');
      case MessageType.decline:
        return this.#giveBack(identified, 'declined');
      default:
        return { answer: 'ignore', reason: 'unexpected' };
    }
  }

  #solicit(exchange: IdentifiedExchange): Verdict {
    if (this.#rapidCommit && exchange.message.options.has(Option.rapidCommit)) {
      return this.#request(exchange, { isRapid: true });
    }
    const associations = associationsOf(exchange.message).map((ia) => {
      const association = { ...exchange.identity, iaid: ia.iaid };
      const address = this.#allocation.choose(association, exchange.link, addressesOf(ia), noneTaken, exchange.now);
      if (address === undefined) return answerTo(ia, { status: noAddresses });
      this.#allocation.hold(association, address, exchange.now);
      return answerTo(ia, { granted: [address] });
    });
    const answers = [...associations, ...refusals(exchange.message)];
    return { answer: 'advertise', associations: answers, changes: [], isConfiguring: true };
  }

  #request(exchange: IdentifiedExchange, extra: { readonly isRapid?: boolean }): Verdict {
    const { message, link, now } = exchange;
    const taken = new Set<Ipv6Address>();
    const changes: Change[] = [];
    const associations = associationsOf(message).map((ia) => {
      const association = { ...exchange.identity, iaid: ia.iaid };
      const asked = addressesOf(ia);
      if (extra.isRapid !== true && asked.some((address) => !isOnLink(address, link))) {
        return answerTo(ia, { status: notOnLink });
      }
      const address = this.#allocation.choose(association, link, asked, taken, now);
      if (address === undefined) return answerTo(ia, { status: noAddresses });
      taken.add(address);
      changes.push(this.#bound(exchange, association, address));
      return answerTo(ia, { granted: [address] });
    });
    const answers = [...associations, ...refusals(message)];
    return { answer: 'reply', associations: answers, changes, isConfiguring: true, ...extra };
  }

  #confirm({ message, link }: IdentifiedExchange): Verdict {
    const addresses = [...associationsOf(message), ...message.options.all(Option.iaTa)].flatMap(addressesOf);
    // RFC 8415 §18.3.3: to a client without addresses a server says nothing.
    if (addresses.length === 0) return { answer: 'ignore', reason: 'nothing-to-say' };
    const belong = addresses.every((address) => isOnLink(address, link));
    const status = belong ? { code: StatusCode.success, message: 'the addresses belong to this link' } : notOnLink;
    return { answer: 'reply', associations: [], changes: [], status, isConfiguring: false };
  }

  /**
   * RFC 8415 §18.3.4, §18.3.5. A machine that runs from the network loses its disk with its address: so what it has is prolonged, and
   * given again by a server that has no record of it, as long as nobody else has it.
   */
  #prolong(exchange: IdentifiedExchange, makesBindings: boolean): Verdict {
    const { message } = exchange;
    const taken = new Set<Ipv6Address>();
    const changes: Change[] = [];
    const associations = associationsOf(message).map((ia) =>
      this.#prolongOne(exchange, ia, makesBindings, taken, changes),
    );
    const answers = [...associations, ...refusals(message)];
    if (answers.length === 0) return { answer: 'ignore', reason: 'nothing-to-say' };
    return { answer: 'reply', associations: answers, changes, isConfiguring: true };
  }

  #prolongOne(
    exchange: IdentifiedExchange,
    ia: IdentityAssociation,
    makesBindings: boolean,
    taken: Set<Ipv6Address>,
    changes: Change[],
  ): AssociationAnswer {
    const { link, now } = exchange;
    const association = { ...exchange.identity, iaid: ia.iaid };
    const asked = addressesOf(ia);
    const known = asked.filter((address) => this.#leases.leaseAt(address)?.clientKey === association.clientKey);
    const offLink = asked.filter((address) => !isOnLink(address, link));
    if (known.length === 0 && !makesBindings) {
      return answerTo(ia, offLink.length > 0 ? { withdrawn: offLink } : { status: noBinding });
    }
    const granted = asked.filter((address) => this.#allocation.isFreeFor(association, address, link, now));
    if (granted.length === 0) {
      const other = this.#allocation.choose(association, link, [], taken, now);
      if (other !== undefined) granted.push(other);
    }
    const withdrawn = asked.filter((address) => !granted.includes(address));
    for (const address of granted) {
      taken.add(address);
      changes.push(this.#bound(exchange, association, address));
    }
    if (granted.length > 0 || withdrawn.length > 0) return answerTo(ia, { granted, withdrawn });
    return answerTo(ia, { status: noAddresses });
  }

  #bound({ client, link, now }: IdentifiedExchange, association: Association, address: Ipv6Address): Change {
    this.#allocation.endOffer(association);
    const before = this.#leases.leaseAt(address);
    const isRenewal = before?.clientKey === association.clientKey && before.state === 'bound';
    const lease: Lease = {
      address,
      ...association,
      hardwareAddress: client.hardwareAddress,
      state: 'bound',
      start: isRenewal ? before.start : now,
      expires: link.validLifetime === INFINITY ? NEVER : now + link.validLifetime * 1000,
    };
    return { change: isRenewal ? 'renewed' : 'bound', lease };
  }

  /** RFC 8415 §18.3.7, §18.3.8 */
  #giveBack({ message, identity, now }: IdentifiedExchange, state: 'released' | 'declined'): Verdict {
    const changes: Change[] = [];
    const associations: AssociationAnswer[] = [];
    for (const ia of associationsOf(message)) {
      const held = addressesOf(ia).flatMap((address) => {
        const lease = this.#leases.leaseAt(address);
        return lease?.clientKey === identity.clientKey && lease.state === 'bound' ? [lease] : [];
      });
      if (held.length === 0) associations.push(answerTo(ia, { status: noBinding }));
      const expires = state === 'declined' ? now + declineTime : now;
      for (const lease of held) changes.push({ change: state, lease: { ...lease, state, expires } });
    }
    const status = { code: StatusCode.success, message: state };
    associations.push(...refusals(message, noBinding, noBinding));
    return { answer: 'reply', associations, changes, status, isConfiguring: false };
  }
}

function associationsOf({ options }: Dhcp6Message): IdentityAssociation[] {
  return options.all(Option.iaNa);
}

function addressesOf({ options }: Pick<IdentityAssociation, 'options'>): Ipv6Address[] {
  return options.all(Option.iaAddress).map(({ address }) => address);
}

function answerTo({ iaid }: Pick<IdentityAssociation, 'iaid'>, answer: Partial<AssociationAnswer>): AssociationAnswer {
  return { code: Option.iaNa.code, iaid, granted: [], withdrawn: [], ...answer };
}

/** Temporary addresses and prefixes are not given here, which is to be said of each association for them (RFC 8415 §18.3.2, §18.3.7, §18.3.9). */
function refusals(
  { options }: Dhcp6Message,
  ofTemporary: Status = noAddresses,
  ofDelegated: Status = noPrefixes,
): AssociationAnswer[] {
  const temporary = options.all(Option.iaTa).map((ia) => answerTo(ia, { code: Option.iaTa.code, status: ofTemporary }));
  const delegated = options.all(Option.iaPd).map((ia) => answerTo(ia, { code: Option.iaPd.code, status: ofDelegated }));
  return [...temporary, ...delegated];
}
