/** What the server remembers of the addresses that it gave, and the store that keeps it. */

import type { Ipv4Address, MacAddress } from '../../bytes/index.ts';
import type { ClientKey } from './client-identity.ts';

/** `expires` of a lease without end: the last moment that a Date can name. */
export const NEVER = 8_640_000_000_000_000;

export interface Lease {
  readonly address: Ipv4Address;
  /** Its holder, or the last one. */
  readonly clientKey: ClientKey;
  readonly hardwareAddress: MacAddress | undefined;
  /**
   * `bound`: given until `expires`. `released`: given back, kept for its holder while nobody else needs it. `declined`: somebody else
   * was found to use it; not given to anyone until `expires`.
   */
  readonly state: 'bound' | 'released' | 'declined';
  /** Milliseconds since the Unix epoch: when its holder first got it. */
  readonly start: number;
  /** Milliseconds since the Unix epoch. */
  readonly expires: number;
  /** What the client calls itself (option 12). */
  readonly hostName: string | undefined;
}

/**
 * Where leases are kept. Reading is answered at once; a lease can be read from the moment `save` is called with it. One record per
 * address: saving replaces it.
 */
export interface LeaseStore {
  leaseAt(address: Ipv4Address): Lease | undefined;
  /** The bound and released leases of a client: at most one in each subnet. */
  leasesOf(clientKey: ClientKey): Iterable<Lease>;
  leases(): Iterable<Lease>;
  /** Resolves once the lease survives a power cut: a client hears of its lease only then. */
  save(lease: Lease): Promise<void> | void;
}

/** Leases that end with the process: for tests, and for short-lived servers. */
export class MemoryLeaseStore implements LeaseStore {
  readonly #byAddress = new Map<Ipv4Address, Lease>();

  leaseAt(address: Ipv4Address): Lease | undefined {
    return this.#byAddress.get(address);
  }

  *leasesOf(key: ClientKey): Iterable<Lease> {
    for (const lease of this.#byAddress.values()) {
      if (lease.clientKey === key && lease.state !== 'declined') yield lease;
    }
  }

  leases(): Iterable<Lease> {
    return this.#byAddress.values();
  }

  save(lease: Lease): void {
    this.#byAddress.set(lease.address, lease);
  }
}
