/**
 * Which address a client gets (RFC 2131 §4.3.1): its reserved one, its present or last one, the one it asks for, a free one, and at
 * last the one that was given up longest ago.
 */

import { type Ipv4Address, ipv4InSubnet } from '../../bytes/index.ts';
import type { ClientIdentity, ClientKey } from './client-identity.ts';
import { FreeAddresses } from './free-addresses.ts';
import type { Lease, LeaseStore } from './lease.ts';
import { Offers } from './offers.ts';
import { type DhcpSubnet, inPool } from './subnet.ts';

/** Addresses that an administrator gave to certain clients; they may lie outside the pool. */
export interface Reservations {
  addressOf(client: ClientIdentity): Ipv4Address | undefined;
  /** One of the names of the client that has it. */
  holderOf(address: Ipv4Address): ClientKey | undefined;
}

export const noReservations: Reservations = { addressOf: () => undefined, holderOf: () => undefined };

/** Reservations come and go while the server runs; milliseconds until a reserved address is looked at again. */
const reservationTime = 60_000;

export class AddressAllocation {
  readonly #store: LeaseStore;
  readonly #reservations: Reservations;
  readonly #offers = new Offers();
  readonly #free = new Map<DhcpSubnet, FreeAddresses>();

  constructor(store: LeaseStore, reservations: Reservations = noReservations) {
    this.#store = store;
    this.#reservations = reservations;
  }

  /** The client's record in this subnet, expired or not. */
  leaseOf({ key }: ClientIdentity, { subnet }: DhcpSubnet): Lease | undefined {
    for (const lease of this.#store.leasesOf(key)) {
      if (ipv4InSubnet(lease.address, subnet)) return lease;
    }
    return undefined;
  }

  /** Chooses an address and keeps it for the client for a while; undefined when the pool has none left. */
  offer(client: ClientIdentity, subnet: DhcpSubnet, requested: Ipv4Address | undefined, now: number) {
    const address = this.#choose(client, subnet, requested, now);
    if (address !== undefined) this.#offers.hold(address, client.key, now);
    return address;
  }

  /** The client asked for its address, or for another server's. */
  endOffer(client: ClientIdentity): void {
    this.#offers.end(client.key);
  }

  /** The client neither has had the address, nor has it been tried out for this offer. */
  isNewTo({ key }: ClientIdentity, address: Ipv4Address): boolean {
    const lease = this.#store.leaseAt(address);
    const isItsOwn = lease?.clientKey === key && lease.state !== 'declined';
    return !isItsOwn && !this.#offers.isTriedOut(address, key);
  }

  /** Nobody answers at an address that the client is to be offered. */
  noteTriedOut({ key }: ClientIdentity, address: Ipv4Address): void {
    this.#offers.noteTriedOut(address, key);
  }

  /** A client has given its address back before its time. */
  freed(): void {
    for (const free of this.#free.values()) free.freed();
  }

  /** The address may be given to this client now. */
  isFreeFor(client: ClientIdentity, address: Ipv4Address, subnet: DhcpSubnet, now: number): boolean {
    const reservedFor = this.#reservations.holderOf(address);
    const isForIt = reservedFor === undefined ? inPool(address, subnet) : client.is(reservedFor);
    return isForIt && this.#takenUntil(client.key, address) <= now;
  }

  /** Until when another client has it by a lease or an offer, or it must be left alone. */
  #takenUntil(clientKey: ClientKey, address: Ipv4Address): number {
    const lease = this.#store.leaseAt(address);
    return Math.max(this.#offers.keptUntil(address, clientKey), lease === undefined ? 0 : heldUntil(lease, clientKey));
  }

  #choose(client: ClientIdentity, subnet: DhcpSubnet, requested: Ipv4Address | undefined, now: number) {
    const isUsable = (address: Ipv4Address | undefined): address is Ipv4Address =>
      address !== undefined && ipv4InSubnet(address, subnet.subnet) && this.isFreeFor(client, address, subnet, now);
    const reserved = this.#reservations.addressOf(client);
    if (isUsable(reserved)) return reserved;
    const last = this.leaseOf(client, subnet)?.address;
    if (isUsable(last)) return last;
    const offered = this.#offers.addressOf(client.key);
    if (isUsable(offered)) return offered;
    if (isUsable(requested)) return requested;
    return this.#freeIn(subnet).find(client.key, now);
  }

  #freeIn(subnet: DhcpSubnet): FreeAddresses {
    const known = this.#free.get(subnet);
    if (known !== undefined) return known;
    const free = new FreeAddresses(subnet, this.#store, (clientKey, address, now) => {
      if (!inPool(address, subnet)) return Number.POSITIVE_INFINITY;
      if (this.#reservations.holderOf(address) !== undefined) return now + reservationTime;
      return this.#takenUntil(clientKey, address);
    });
    this.#free.set(subnet, free);
    return free;
  }
}

function heldUntil({ state, expires, clientKey: holder }: Lease, clientKey: ClientKey): number {
  if (state === 'declined') return expires;
  return state === 'bound' && holder !== clientKey ? expires : 0;
}
