/** Addresses that an administrator gave to certain clients; they may lie outside the pool. */

import type { Ipv6Address } from '../../bytes/index.ts';
import type { ClientKey } from './lease.ts';

export interface Reservations {
  /** `names` are all that the client is known by: see `clientNames`. */
  addressOf(names: readonly ClientKey[]): Ipv6Address | undefined;
  /** One of the names of the client that has it. */
  holderOf(address: Ipv6Address): ClientKey | undefined;
}

export const noReservations: Reservations = { addressOf: () => undefined, holderOf: () => undefined };

/** One of a client, for one of its names. */
export interface Reservation {
  readonly client: ClientKey;
  readonly address: Ipv6Address;
}

/** Those of a list that does not change. */
export class ListedReservations implements Reservations {
  readonly #byClient: ReadonlyMap<ClientKey, Ipv6Address>;
  readonly #byAddress: ReadonlyMap<Ipv6Address, ClientKey>;

  constructor(list: readonly Reservation[]) {
    this.#byClient = new Map(list.map(({ client, address }) => [client, address]));
    this.#byAddress = new Map(list.map(({ client, address }) => [address, client]));
  }

  addressOf(names: readonly ClientKey[]): Ipv6Address | undefined {
    const name = names.find((each) => this.#byClient.has(each));
    return name === undefined ? undefined : this.#byClient.get(name);
  }

  holderOf(address: Ipv6Address): ClientKey | undefined {
    return this.#byAddress.get(address);
  }
}
