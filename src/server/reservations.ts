/**
 * Addresses of one family that are kept for certain clients: those of the fleet's machines, and those of the settings. Both DHCP
 * servers look here with every message, so that what `diskless host set` changes holds from the next one on.
 */

import type { Ipv4Address, Ipv6Address, MacAddress } from '../bytes/index.ts';
import type { Host, HostStore } from '../fleet/host.ts';
import type { Reservation } from './options.ts';

/** A client of either DHCP, by what it is known by. */
export interface NamedClient {
  /** Under which its leases are kept: the hardware address, where it is known. */
  readonly key: string;
  /** All of its names, the most telling first. */
  readonly keys: readonly string[];
}

export class KeptAddresses<Address extends Ipv4Address | Ipv6Address> {
  readonly #hosts: HostStore;
  readonly #ofHost: (host: Host) => Address | undefined;
  readonly #byClient: ReadonlyMap<string, Address>;
  readonly #byAddress: ReadonlyMap<Address, string>;

  /** `ofHost` gives a machine's address of this family. */
  constructor(
    hosts: HostStore,
    ofHost: (host: Host) => Address | undefined,
    settings: readonly Reservation<Address>[],
  ) {
    this.#hosts = hosts;
    this.#ofHost = ofHost;
    this.#byClient = new Map(settings.map(({ client, address }) => [client, address]));
    this.#byAddress = new Map(settings.map(({ client, address }) => [address, client]));
  }

  /** What is said of one machine counts more than what the settings say. */
  addressOf(client: NamedClient): Address | undefined {
    const host = isMac(client.key) ? this.#hosts.find(client.key) : undefined;
    return (host === undefined ? undefined : this.#ofHost(host)) ?? this.#ofSettings(client);
  }

  /** One of the names of the client that has it. */
  holderOf(address: Address): string | undefined {
    return this.#hosts.findByAddress(address)?.hardwareAddress ?? this.#byAddress.get(address);
  }

  #ofSettings(client: NamedClient): Address | undefined {
    if (this.#byClient.size === 0) return undefined;
    const key = client.keys.find((name) => this.#byClient.has(name));
    return key === undefined ? undefined : this.#byClient.get(key);
  }
}

function isMac(text: string): text is MacAddress {
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(text);
}
