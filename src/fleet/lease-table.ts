/** Leases in memory, found by their address and by their client. */

import type { Ipv4Address } from '../bytes/index.ts';
import type { Lease } from './lease.ts';

export class LeaseTable {
  readonly #byAddress = new Map<Ipv4Address, Lease>();
  /** Of each client the bound and released ones: one in each subnet, so that there is hardly ever a second. */
  readonly #byClient = new Map<string, Lease[]>();

  at(address: Ipv4Address): Lease | undefined {
    return this.#byAddress.get(address);
  }

  of(clientKey: string): readonly Lease[] {
    return this.#byClient.get(clientKey) ?? [];
  }

  all(): Iterable<Lease> {
    return this.#byAddress.values();
  }

  /** Replaces what is kept of the address. */
  set(lease: Lease): void {
    const before = this.#byAddress.get(lease.address);
    if (before !== undefined) this.#takeFrom(before);
    this.#byAddress.set(lease.address, lease);
    if (lease.state === 'declined') return;
    const others = this.#byClient.get(lease.clientKey);
    if (others === undefined) this.#byClient.set(lease.clientKey, [lease]);
    else others.push(lease);
  }

  #takeFrom(lease: Lease): void {
    const leases = this.#byClient.get(lease.clientKey);
    const at = leases?.indexOf(lease) ?? -1;
    if (leases === undefined || at < 0) return;
    leases.splice(at, 1);
    if (leases.length === 0) this.#byClient.delete(lease.clientKey);
  }
}
