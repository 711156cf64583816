/**
 * The free addresses of one pool. A pool may be large and full, and a request for an address cheap to send: neither a full pool nor
 * one whose addresses were all used before is looked through for each request.
 */

import { type Ipv4Address, ipv4FromNumber, ipv4InSubnet, ipv4ToNumber } from '../../bytes/index.ts';
import type { ClientKey } from './client-identity.ts';
import type { LeaseStore } from './lease.ts';
import { type DhcpSubnet, poolSize } from './subnet.ts';

/** When an address becomes free for a client: not after `now` when it is, infinite when it never will be. */
export type FreeFrom = (clientKey: ClientKey, address: Ipv4Address, now: number) => number;

/** Larger than any pool, and prime: each is a way through all of its addresses. */
const strides = [4_294_967_311, 4_294_967_357, 4_294_967_371, 4_294_967_377] as const;

export class FreeAddresses {
  readonly #subnet: DhcpSubnet;
  readonly #store: LeaseStore;
  readonly #freeFrom: FreeFrom;
  /** Before this no address that never had a lease is free. */
  #nothingNewBefore = 0;
  /** Before this nothing at all is free. */
  #nothingBefore = 0;
  /** Addresses whose leases are over, the one given up longest ago last. */
  #givenUp: Ipv4Address[] = [];

  constructor(subnet: DhcpSubnet, store: LeaseStore, freeFrom: FreeFrom) {
    this.#subnet = subnet;
    this.#store = store;
    this.#freeFrom = freeFrom;
  }

  /** One that never was anybody's; when there is none, the one that was given up longest ago. */
  find(clientKey: ClientKey, now: number): Ipv4Address | undefined {
    if (now < this.#nothingBefore) return undefined;
    return this.#neverUsed(clientKey, now) ?? this.#longestGivenUp(clientKey, now);
  }

  /** An address has become free sooner than its lease said. */
  freed(): void {
    this.#nothingBefore = 0;
  }

  /**
   * The search starts at a place that follows from the client's key, and so does its way: a machine tends to get the same address even
   * from a server that lost its leases, two servers of one subnet seldom try the same one, and what is taken does not pile up.
   */
  #neverUsed(clientKey: ClientKey, now: number): Ipv4Address | undefined {
    if (now < this.#nothingNewBefore) return undefined;
    const { pool } = this.#subnet;
    const size = poolSize(pool);
    const first = ipv4ToNumber(pool.first);
    const key = hash(clientKey);
    const stride = (strides[key % strides.length] ?? 1) % size;
    let earliest = Number.POSITIVE_INFINITY;
    let place = Math.floor(key / strides.length) % size;
    for (let step = 0; step < size; step++) {
      const address = ipv4FromNumber(first + place);
      place = (place + stride) % size;
      if (this.#store.leaseAt(address) !== undefined) continue;
      const free = this.#freeFrom(clientKey, address, now);
      if (free <= now) return address;
      earliest = Math.min(earliest, free);
    }
    this.#nothingNewBefore = earliest;
    return undefined;
  }

  #longestGivenUp(clientKey: ClientKey, now: number): Ipv4Address | undefined {
    return this.#nextGivenUp(clientKey, now) ?? this.#lookThroughLeases(clientKey, now);
  }

  #nextGivenUp(clientKey: ClientKey, now: number): Ipv4Address | undefined {
    for (;;) {
      const address = this.#givenUp.pop();
      if (address === undefined || this.#freeFrom(clientKey, address, now) <= now) return address;
    }
  }

  #lookThroughLeases(clientKey: ClientKey, now: number): Ipv4Address | undefined {
    let earliest = this.#nothingNewBefore;
    const over: { readonly address: Ipv4Address; readonly expires: number }[] = [];
    for (const { address, expires } of this.#store.leases()) {
      if (!ipv4InSubnet(address, this.#subnet.subnet)) continue;
      const free = this.#freeFrom(clientKey, address, now);
      if (free <= now) over.push({ address, expires });
      else earliest = Math.min(earliest, free);
    }
    over.sort((one, other) => other.expires - one.expires);
    this.#givenUp = over.map(({ address }) => address);
    if (over.length === 0) this.#nothingBefore = earliest;
    return this.#nextGivenUp(clientKey, now);
  }
}

/** FNV-1a, 32 bits. */
function hash(value: string): number {
  let state = 0x811c9dc5;
  for (let at = 0; at < value.length; at++) {
    state = Math.imul(state ^ value.charCodeAt(at), 0x01000193);
  }
  return state >>> 0;
}
