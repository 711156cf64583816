/** Addresses that an administrator gave to certain clients; they may lie outside the pool. */

import type { Ipv6Address } from '../../bytes/index.ts';
import type { ClientKey } from './lease.ts';

export interface Reservations {
  /** `key` is that of the client's leases, `keys` are all that it is known by: see `clientNames`. */
  addressOf(client: { readonly key: ClientKey; readonly keys: readonly ClientKey[] }): Ipv6Address | undefined;
  /** One of the names of the client that has it. */
  holderOf(address: Ipv6Address): ClientKey | undefined;
}

export const noReservations: Reservations = { addressOf: () => undefined, holderOf: () => undefined };
