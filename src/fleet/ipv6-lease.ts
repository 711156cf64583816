/** IPv6 addresses that were given to machines. The DHCPv6 server works on a store of this shape. */

import type { Ipv6Address, MacAddress } from '../bytes/index.ts';

export interface Ipv6Lease {
  readonly address: Ipv6Address;
  /** Its holder, or the last one: the hardware address, or another identity in its stead. */
  readonly clientKey: string;
  /** In hexadecimal. */
  readonly duid: string;
  readonly iaid: number;
  readonly hardwareAddress: MacAddress | undefined;
  readonly state: 'bound' | 'released' | 'declined';
  /** Milliseconds since the Unix epoch: when its holder first got it. */
  readonly start: number;
  /** Milliseconds since the Unix epoch. */
  readonly expires: number;
}

/** One lease per address. Reading is answered at once, also of what is still being saved. */
export interface Ipv6LeaseStore {
  leaseAt(address: Ipv6Address): Ipv6Lease | undefined;
  /** The bound and released leases of a client. */
  leasesOf(clientKey: string): Iterable<Ipv6Lease>;
  leases(): Iterable<Ipv6Lease>;
  /** Resolves once the lease survives a power cut. Raises FLEET_NO_SPACE, FLEET_NOT_WRITTEN: then it does not hold. */
  save(lease: Ipv6Lease): Promise<void>;
}
