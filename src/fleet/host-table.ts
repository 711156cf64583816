/** Machines in memory, found by each of their names. */

import type { Ipv4Address, Ipv6Address, MacAddress } from '../bytes/index.ts';
import { addressesOf, type Host } from './host.ts';

export class HostTable {
  readonly #byHardwareAddress = new Map<MacAddress, Host>();
  readonly #byTargetName = new Map<string, Host>();
  readonly #byAddress = new Map<Ipv4Address | Ipv6Address, Host>();

  find(hardwareAddress: MacAddress): Host | undefined {
    return this.#byHardwareAddress.get(hardwareAddress);
  }

  findByTargetName(targetName: string): Host | undefined {
    return this.#byTargetName.get(targetName);
  }

  findByAddress(address: Ipv4Address | Ipv6Address): Host | undefined {
    return this.#byAddress.get(address);
  }

  /** In the order of their hardware addresses. */
  all(): Host[] {
    return [...this.#byHardwareAddress.values()].sort((one, other) =>
      one.hardwareAddress < other.hardwareAddress ? -1 : 1,
    );
  }

  /** Replaces what is known of the machine. */
  set(host: Host): void {
    this.remove(host.hardwareAddress);
    this.#byHardwareAddress.set(host.hardwareAddress, host);
    this.#byTargetName.set(host.targetName, host);
    for (const address of addressesOf(host)) this.#byAddress.set(address, host);
  }

  remove(hardwareAddress: MacAddress): void {
    const host = this.#byHardwareAddress.get(hardwareAddress);
    if (host === undefined) return;
    this.#byHardwareAddress.delete(hardwareAddress);
    this.#byTargetName.delete(host.targetName);
    for (const address of addressesOf(host)) this.#byAddress.delete(address);
  }
}
