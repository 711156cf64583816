/** What the server remembers of the addresses that it gave, and the store that keeps it. */

import type { Ipv6Address, MacAddress } from '../../bytes/index.ts';
import type { BootClient } from '../boot-client.ts';
import { formatDuid, uuidOfDuid } from '../duid.ts';

/**
 * Whose a lease is, as text that compares: the Ethernet address where it is known, else `duid:` and the DUID.
 *
 * RFC 8415 §12 binds addresses to a DUID and an IAID. Firmware, boot loader and operating system of one machine have three DUIDs, and a
 * machine whose root disk is on the network should keep one address through all three: so the binding is looked for by its card first.
 */
export type ClientKey = string;

export function clientKey({ hardwareAddress, duid }: BootClient): ClientKey | undefined {
  return hardwareAddress ?? (duid === undefined ? undefined : `duid:${formatDuid(duid)}`);
}

/**
 * Whatever a client may be named by, the most telling first: the key of its leases, `duid:` and the DUID in hexadecimal digits, and
 * `uuid:` and the machine's UUID where the DUID is made of it (RFC 6355).
 */
export function clientNames({ clientKey: key, duid }: { clientKey: ClientKey; duid: string }): readonly ClientKey[] {
  const uuid = uuidOfDuid(duid);
  return [...new Set([key, `duid:${duid}`, ...(uuid === undefined ? [] : [`uuid:${uuid}`])])];
}

/** `expires` of a lease without end: the last moment that a Date can name. */
export const NEVER = 8_640_000_000_000_000;

export interface Lease {
  readonly address: Ipv6Address;
  /** Its holder, or the last one. */
  readonly clientKey: ClientKey;
  /** In hexadecimal. */
  readonly duid: string;
  /** Which of the client's identity associations has it. */
  readonly iaid: number;
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
}

/**
 * Where leases are kept. Reading is answered at once; a lease can be read from the moment `save` is called with it. One record per
 * address: saving replaces it.
 */
export interface LeaseStore {
  leaseAt(address: Ipv6Address): Lease | undefined;
  /** The bound and released leases of a client. */
  leasesOf(clientKey: ClientKey): Iterable<Lease>;
  leases(): Iterable<Lease>;
  /** Resolves once the lease survives a power cut: a client hears of its lease only then. */
  save(lease: Lease): Promise<void> | void;
}

/** Leases that end with the process: for tests, and for short-lived servers. */
export class MemoryLeaseStore implements LeaseStore {
  readonly #byAddress = new Map<Ipv6Address, Lease>();
  readonly #byClient = new Map<ClientKey, Map<Ipv6Address, Lease>>();

  leaseAt(address: Ipv6Address): Lease | undefined {
    return this.#byAddress.get(address);
  }

  *leasesOf(key: ClientKey): Iterable<Lease> {
    for (const lease of this.#byClient.get(key)?.values() ?? []) {
      if (lease.state !== 'declined') yield lease;
    }
  }

  leases(): Iterable<Lease> {
    return this.#byAddress.values();
  }

  save(lease: Lease): void {
    const before = this.#byAddress.get(lease.address);
    if (before !== undefined) this.#byClient.get(before.clientKey)?.delete(lease.address);
    this.#byAddress.set(lease.address, lease);
    const own = this.#byClient.get(lease.clientKey) ?? new Map<Ipv6Address, Lease>();
    this.#byClient.set(lease.clientKey, own.set(lease.address, lease));
  }
}
