/**
 * Which address an identity association gets (RFC 8415 §13.1): its reserved one, its present or last one, the one that it was advertised,
 * one that it asks for, a free one, and at last the one that was given up longest ago.
 */

import { type Ipv6Address, ipv6FromNumber, ipv6ToNumber } from '../../bytes/index.ts';
import { type ClientKey, clientNames, type Lease, type LeaseStore } from './lease.ts';
import { type Dhcp6Link, inPool, isOnLink, poolSize } from './link.ts';
import { noReservations, type Reservations } from './reservations.ts';

/** One of a client's identity associations. */
export interface Association {
  readonly clientKey: ClientKey;
  /** In hexadecimal. */
  readonly duid: string;
  readonly iaid: number;
}

/** An address that was advertised and not asked for yet. */
interface Offer extends Association {
  readonly address: Ipv6Address;
  readonly expires: number;
}

/** How long an advertised address is kept for the client, in milliseconds. */
export const offerTime = 60_000;

/** Addresses that are looked at in search of one that was never used. */
const LONGEST_SEARCH = 65_536n;

export class AddressAllocation {
  readonly #store: LeaseStore;
  readonly #reservations: Reservations;
  readonly #offers = new Map<Ipv6Address, Offer>();
  readonly #offered = new Map<string, Ipv6Address>();

  constructor(store: LeaseStore, reservations: Reservations = noReservations) {
    this.#store = store;
    this.#reservations = reservations;
  }

  /** Addresses that the machine has or had, expired or not: the association's own, those of another program, those of another association. */
  #lastOf({ clientKey, duid, iaid }: Association): Ipv6Address[] {
    const order = (lease: Lease) => (lease.duid !== duid ? 1 : lease.iaid === iaid ? 0 : 2);
    const leases = [...this.#store.leasesOf(clientKey)].sort((one, other) => order(one) - order(other));
    return leases.map(({ address }) => address);
  }

  /** Chooses an address that is none of `taken`; undefined when the pool has none left. */
  choose(
    association: Association,
    link: Dhcp6Link,
    requested: readonly Ipv6Address[],
    taken: ReadonlySet<Ipv6Address>,
    now: number,
  ): Ipv6Address | undefined {
    const isUsable = (address: Ipv6Address) => !taken.has(address) && this.isFreeFor(association, address, link, now);
    const client = { key: association.clientKey, keys: clientNames(association) };
    const reserved = this.#reservations.addressOf(client);
    const offered = this.#offered.get(keyOf(association));
    const known = [reserved, ...this.#lastOf(association), offered, ...requested].find(
      (address) => address !== undefined && isUsable(address),
    );
    return known ?? this.#neverUsed(association, link, isUsable) ?? this.#longestGivenUp(isUsable);
  }

  /** Keeps an address for the association for a while. */
  hold(association: Association, address: Ipv6Address, now: number): void {
    this.endOffer(association);
    this.#offers.set(address, { ...association, address, expires: now + offerTime });
    this.#offered.set(keyOf(association), address);
  }

  /** The client asked for its address, or for another server's. */
  endOffer(association: Association): void {
    const address = this.#offered.get(keyOf(association));
    if (address === undefined) return;
    this.#offered.delete(keyOf(association));
    if (keyOf(this.#offers.get(address) ?? association) === keyOf(association)) this.#offers.delete(address);
  }

  /** The address may be given to this association now. */
  isFreeFor(association: Association, address: Ipv6Address, link: Dhcp6Link, now: number): boolean {
    const holder = this.#reservations.holderOf(address);
    const isForIt =
      holder === undefined
        ? inPool(address, link)
        : isOnLink(address, link) && clientNames(association).includes(holder);
    if (!isForIt) return false;
    const offer = this.#offers.get(address);
    const isOffered = offer !== undefined && offer.expires > now && keyOf(offer) !== keyOf(association);
    return !isOffered && !isTaken(this.#store.leaseAt(address), association, now);
  }

  /** The search starts at a place that follows from the client's key, as a server that has lost its leases then gives the same again. */
  #neverUsed(
    association: Association,
    { pool }: Dhcp6Link,
    isUsable: (address: Ipv6Address) => boolean,
  ): Ipv6Address | undefined {
    const size = poolSize(pool);
    const first = ipv6ToNumber(pool.first);
    const start = hash(association.clientKey);
    const steps = size < LONGEST_SEARCH ? size : LONGEST_SEARCH;
    for (let step = 0n; step < steps; step++) {
      const address = ipv6FromNumber(first + ((start + step) % size));
      if (this.#store.leaseAt(address) === undefined && isUsable(address)) return address;
    }
    return undefined;
  }

  #longestGivenUp(isUsable: (address: Ipv6Address) => boolean): Ipv6Address | undefined {
    let oldest: Lease | undefined;
    for (const lease of this.#store.leases()) {
      if (oldest !== undefined && lease.expires >= oldest.expires) continue;
      if (isUsable(lease.address)) oldest = lease;
    }
    return oldest?.address;
  }
}

function keyOf({ clientKey, duid, iaid }: Association): string {
  return `${clientKey} ${duid} ${iaid}`;
}

/** Another client has it, or another association of the same program. */
function isTaken(lease: Lease | undefined, { clientKey, duid, iaid }: Association, now: number): boolean {
  if (lease === undefined || lease.expires <= now || lease.state === 'released') return false;
  if (lease.state === 'declined') return true;
  return lease.clientKey !== clientKey || (lease.duid === duid && lease.iaid !== iaid);
}

/** FNV-1a, 64 bits. */
function hash(value: string): bigint {
  let state = 0xcbf29ce484222325n;
  for (let at = 0; at < value.length; at++) {
    state = BigInt.asUintN(64, (state ^ BigInt(value.charCodeAt(at))) * 0x100000001b3n);
  }
  return state;
}
