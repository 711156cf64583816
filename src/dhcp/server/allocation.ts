/**
 * Which address a client gets (RFC 2131 §4.3.1): its reserved one, its present or last one, the one it asks for, a free one, and at
 * last the one that was given up longest ago.
 */

import { type Ipv4Address, ipv4FromNumber, ipv4InSubnet, ipv4ToNumber } from '../../bytes/index.ts';
import type { ClientKey, Lease, LeaseStore } from './lease.ts';
import { type DhcpSubnet, inPool, poolSize } from './subnet.ts';

/** Addresses that an administrator gave to certain clients; they may lie outside the pool. */
export interface Reservations {
  addressOf(clientKey: ClientKey): Ipv4Address | undefined;
  holderOf(address: Ipv4Address): ClientKey | undefined;
}

const noReservations: Reservations = { addressOf: () => undefined, holderOf: () => undefined };

/** An address that a client was offered and did not ask for yet. */
interface Offer {
  readonly address: Ipv4Address;
  readonly clientKey: ClientKey;
  readonly expires: number;
}

/** How long an offered address is kept for the client, in milliseconds: longer than a PXE ROM's slowest retransmission. */
export const offerTime = 60_000;

export class AddressAllocation {
  readonly #store: LeaseStore;
  readonly #reservations: Reservations;
  readonly #offers = new Map<Ipv4Address, Offer>();

  constructor(store: LeaseStore, reservations: Reservations = noReservations) {
    this.#store = store;
    this.#reservations = reservations;
  }

  /** The client's record in this subnet, expired or not. */
  leaseOf(clientKey: ClientKey, { subnet }: DhcpSubnet): Lease | undefined {
    for (const lease of this.#store.leasesOf(clientKey)) {
      if (ipv4InSubnet(lease.address, subnet)) return lease;
    }
    return undefined;
  }

  /** Chooses an address and keeps it for the client for a while; undefined when the pool has none left. */
  offer(clientKey: ClientKey, subnet: DhcpSubnet, requested: Ipv4Address | undefined, now: number) {
    const address = this.#choose(clientKey, subnet, requested, now);
    if (address !== undefined) this.#hold({ address, clientKey, expires: now + offerTime });
    return address;
  }

  /** The client asked for its address, or for another server's. */
  endOffer(clientKey: ClientKey): void {
    for (const offer of this.#offers.values()) {
      if (offer.clientKey === clientKey) this.#offers.delete(offer.address);
    }
  }

  /** The address may be given to this client now. */
  isFreeFor(clientKey: ClientKey, address: Ipv4Address, subnet: DhcpSubnet, now: number): boolean {
    const reservedFor = this.#reservations.holderOf(address);
    if (reservedFor === undefined ? !inPool(address, subnet) : reservedFor !== clientKey) return false;
    const offer = this.#offers.get(address);
    if (offer !== undefined && offer.clientKey !== clientKey && offer.expires > now) return false;
    return !isTaken(this.#store.leaseAt(address), clientKey, now);
  }

  #hold(offer: Offer): void {
    this.endOffer(offer.clientKey);
    this.#offers.set(offer.address, offer);
  }

  #choose(clientKey: ClientKey, subnet: DhcpSubnet, requested: Ipv4Address | undefined, now: number) {
    const candidates = [
      this.#reservations.addressOf(clientKey),
      this.leaseOf(clientKey, subnet)?.address,
      this.#offerOf(clientKey),
      requested,
    ];
    const known = candidates.find(
      (address) =>
        address !== undefined &&
        ipv4InSubnet(address, subnet.subnet) &&
        this.isFreeFor(clientKey, address, subnet, now),
    );
    return known ?? this.#neverUsed(clientKey, subnet, now) ?? this.#longestGivenUp(clientKey, subnet, now);
  }

  #offerOf(clientKey: ClientKey): Ipv4Address | undefined {
    for (const offer of this.#offers.values()) if (offer.clientKey === clientKey) return offer.address;
    return undefined;
  }

  /**
   * The search starts at a place that follows from the client's key: a machine tends to get the same address even from a server that
   * lost its leases, and two servers of one subnet seldom try the same one.
   */
  #neverUsed(clientKey: ClientKey, subnet: DhcpSubnet, now: number): Ipv4Address | undefined {
    const size = poolSize(subnet.pool);
    const first = ipv4ToNumber(subnet.pool.first);
    const start = hash(clientKey) % size;
    for (let step = 0; step < size; step++) {
      const address = ipv4FromNumber(first + ((start + step) % size));
      if (this.#store.leaseAt(address) !== undefined) continue;
      if (this.isFreeFor(clientKey, address, subnet, now)) return address;
    }
    return undefined;
  }

  #longestGivenUp(clientKey: ClientKey, subnet: DhcpSubnet, now: number): Ipv4Address | undefined {
    let oldest: Lease | undefined;
    for (const lease of this.#store.leases()) {
      if (oldest !== undefined && lease.expires >= oldest.expires) continue;
      if (!ipv4InSubnet(lease.address, subnet.subnet)) continue;
      if (this.isFreeFor(clientKey, lease.address, subnet, now)) oldest = lease;
    }
    return oldest?.address;
  }
}

function isTaken(lease: Lease | undefined, clientKey: ClientKey, now: number): boolean {
  if (lease === undefined || lease.expires <= now) return false;
  if (lease.state === 'declined') return true;
  return lease.state === 'bound' && lease.clientKey !== clientKey;
}

/** FNV-1a, 32 bits. */
function hash(value: string): number {
  let state = 0x811c9dc5;
  for (let at = 0; at < value.length; at++) {
    state = Math.imul(state ^ value.charCodeAt(at), 0x01000193);
  }
  return state >>> 0;
}
