/** Addresses that are kept for certain clients: those of the fleet's machines, and those of the settings. */

import type { Ipv4Address } from '../bytes/index.ts';
import type { Reservations } from '../dhcp/server/allocation.ts';
import type { ClientIdentity, ClientKey } from '../dhcp/server/client-identity.ts';
import type { HostStore } from '../fleet/host.ts';
import type { Machines } from './machines.ts';
import type { Reservation } from './options.ts';

export class KeptAddresses implements Reservations {
  readonly #machines: Machines;
  readonly #hosts: HostStore;
  readonly #byClient: ReadonlyMap<ClientKey, Ipv4Address>;
  readonly #byAddress: ReadonlyMap<Ipv4Address, ClientKey>;

  constructor(machines: Machines, hosts: HostStore, settings: readonly Reservation[]) {
    this.#machines = machines;
    this.#hosts = hosts;
    this.#byClient = new Map(settings.map(({ client, address }) => [client, address]));
    this.#byAddress = new Map(settings.map(({ client, address }) => [address, client]));
  }

  /** What is said of one machine counts more than what the settings say. */
  addressOf(client: ClientIdentity): Ipv4Address | undefined {
    return this.#machines.reservedAddressOf(client.key) ?? this.#ofSettings(client);
  }

  holderOf(address: Ipv4Address): ClientKey | undefined {
    return this.#hosts.findByAddress(address)?.hardwareAddress ?? this.#byAddress.get(address);
  }

  #ofSettings(client: ClientIdentity): Ipv4Address | undefined {
    if (this.#byClient.size === 0) return undefined;
    const key = client.keys.find((name) => this.#byClient.has(name));
    return key === undefined ? undefined : this.#byClient.get(key);
  }
}
