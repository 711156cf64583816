/** The networks whose addresses the server of a data directory gives to machines: what its commands know of its settings. */

import type { Ipv4Address, Ipv6Address } from '../bytes/index.ts';

export interface ServedNetwork {
  /** In prefix notation: `192.0.2.0/24`, `2001:db8::/64`. */
  readonly network: string;
  /** Addresses in it that are not for machines: the server's own, and the router's. */
  readonly excluded: readonly (Ipv4Address | Ipv6Address)[];
}

export interface ServedNetworkStore {
  /** Those of the server that runs, or ran last. */
  all(): ServedNetwork[];
  /** Resolves once they survive a power cut. Raises FLEET_NO_SPACE, FLEET_NOT_WRITTEN. */
  replace(networks: readonly ServedNetwork[]): Promise<void>;
}
