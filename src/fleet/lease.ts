/** Addresses that were given to machines. The DHCP server works on a store of this shape. */

import type { Ipv4Address, MacAddress } from '../bytes/index.ts';

export interface Lease {
  readonly address: Ipv4Address;
  /** Its holder, or the last one: the hardware address, or another identity in its stead. */
  readonly clientKey: string;
  readonly hardwareAddress: MacAddress | undefined;
  readonly state: 'bound' | 'released' | 'declined';
  /** Milliseconds since the Unix epoch: when its holder first got it. */
  readonly start: number;
  /** Milliseconds since the Unix epoch. */
  readonly expires: number;
  readonly hostName: string | undefined;
}

/** One lease per address. Reading is answered at once, also of what is still being saved. */
export interface LeaseStore {
  leaseAt(address: Ipv4Address): Lease | undefined;
  /** The bound and released leases of a client. */
  leasesOf(clientKey: string): Iterable<Lease>;
  leases(): Iterable<Lease>;
  /** Resolves once the lease survives a power cut. Raises FLEET_NO_SPACE, FLEET_NOT_WRITTEN: then it does not hold. */
  save(lease: Lease): Promise<void>;
}
