/** The machines of the fleet as the services ask for them: whose disk is whose, and who is at an address. */

import { type Ipv4Address, ipv6Bytes, ipv6FromBytes, isIpv4, type MacAddress } from '../bytes/index.ts';
import { macOfInterfaceIdentifier } from '../dhcp6/boot-client.ts';
import type { FleetStore } from '../fleet/store.ts';
import { hardwareAddressOf, targetNameOf } from '../fleet/target-name.ts';
import { type IscsiName, parseIscsiName } from '../iscsi/name.ts';
import type { Clock } from '../os/clock.ts';
import type { MachineDisk } from './boot-policy.ts';

/** Addresses remembered apart from leases. */
const MOST_ADDRESSES = 65_536;

export class Machines {
  readonly #store: FleetStore;
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #neighbourOf: (address: Ipv4Address) => MacAddress | undefined;
  /** Where a machine logged in from: with a proxy or without DHCP there is no lease that tells. */
  readonly #lastAt = new Map<string, MacAddress>();
  readonly #onNew: ((mac: MacAddress) => void)[] = [];

  /** `prefix` begins all target names. `neighbourOf` asks the kernel who is at an address. */
  constructor(
    store: FleetStore,
    prefix: string,
    clock: Clock,
    neighbourOf: (address: Ipv4Address) => MacAddress | undefined,
  ) {
    this.#store = store;
    this.#prefix = prefix;
    this.#clock = clock;
    this.#neighbourOf = neighbourOf;
  }

  /** `listener` hears of every machine that becomes one of the fleet. */
  whenNew(listener: (mac: MacAddress) => void): void {
    this.#onNew.push(listener);
  }

  /** All machines of the fleet. */
  all(): MacAddress[] {
    return this.#store.hosts.all().map(({ hardwareAddress }) => hardwareAddress);
  }

  diskOf(mac: MacAddress): MachineDisk {
    const host = this.#store.hosts.find(mac);
    return {
      targetName: parseIscsiName(host?.targetName ?? targetNameOf(this.#prefix, mac)),
      initiatorName: this.#initiatorName(mac),
      hostName: host?.name,
    };
  }

  nameOf(mac: MacAddress): string | undefined {
    return this.#store.hosts.find(mac)?.name;
  }

  /** A name of its own for every machine: without one, iPXE makes it from the SMBIOS UUID, which cheap boards share. */
  #initiatorName(mac: MacAddress): IscsiName {
    return parseIscsiName(targetNameOf(this.#initiatorPrefix, mac));
  }

  get #initiatorPrefix(): string {
    return `${this.#prefix}:initiator`;
  }

  /** The machine that a target is the disk of; undefined when the name is no machine's. */
  byTargetName(targetName: string): MacAddress | undefined {
    return (
      this.#store.hosts.findByTargetName(targetName)?.hardwareAddress ?? hardwareAddressOf(this.#prefix, targetName)
    );
  }

  /** The machine that takes this initiator name from us; undefined when the name is no machine's. */
  byInitiatorName(initiatorName: string): MacAddress | undefined {
    return hardwareAddressOf(this.#initiatorPrefix, initiatorName);
  }

  /**
   * Keeps that the machine was here; the first time makes it one of the fleet. Only that must be durable: a machine that comes back
   * gets its disk even when nothing can be written. Raises FLEET_NO_SPACE, FLEET_NOT_WRITTEN.
   */
  async seen(mac: MacAddress): Promise<void> {
    const now = this.#clock.now();
    const { hosts } = this.#store;
    if (hosts.find(mac) !== undefined) {
      hosts.touch(mac, now);
      return;
    }
    await hosts.save({
      hardwareAddress: mac,
      name: undefined,
      targetName: targetNameOf(this.#prefix, mac),
      address: undefined,
      ipv6Address: undefined,
      image: undefined,
      firstSeen: now,
      lastSeen: now,
    });
    for (const listener of this.#onNew) listener(mac);
  }

  /**
   * Whether its system may be running from its disk, connected or cut off: it has logged in, and has neither logged out nor been seen
   * to start since.
   */
  mayBeRunning(mac: MacAddress): boolean {
    return this.#store.running.has(mac);
  }

  loggedIn(mac: MacAddress): void {
    this.#store.running.add(mac);
  }

  /** Its firmware asks for an address, or its last session was ended in order. */
  isNotRunning(mac: MacAddress): void {
    this.#store.running.remove(mac);
  }

  loggedInFrom(address: string, mac: MacAddress): void {
    this.#lastAt.delete(address);
    this.#lastAt.set(address, mac);
    const [oldest] = this.#lastAt.keys();
    if (this.#lastAt.size > MOST_ADDRESSES && oldest !== undefined) this.#lastAt.delete(oldest);
  }

  /** Who has this address: by its lease, by its last login, or as the kernel sees it on the wire. */
  at(address: string): MacAddress | undefined {
    if (!isIpv4(address)) return this.#atIpv6(address);
    const lease = this.#store.leases.leaseAt(address);
    const isBound = lease?.state === 'bound' && lease.expires > this.#clock.now();
    return (isBound ? lease.hardwareAddress : undefined) ?? this.#lastAt.get(address) ?? this.#neighbourOf(address);
  }

  /** An address that a machine made itself (RFC 4862) tells whose it is. */
  #atIpv6(address: string): MacAddress | undefined {
    const bytes = ipv6Bytes(address);
    if (bytes === undefined) return undefined;
    const canonical = ipv6FromBytes(bytes);
    const lease = this.#store.ipv6Leases.leaseAt(canonical);
    const isBound = lease?.state === 'bound' && lease.expires > this.#clock.now();
    const leased = isBound ? lease.hardwareAddress : undefined;
    return leased ?? this.#lastAt.get(canonical) ?? macOfInterfaceIdentifier(canonical);
  }

  /**
   * The targets that an initiator may use. A machine that took its initiator name from us is the one of that name, from whichever
   * address: with two cards on one network the kernel asks from either. Any other is who is at its address.
   */
  targetsFor(initiatorName: string, address: string): IscsiName[] {
    const mac = this.byInitiatorName(initiatorName) ?? this.at(address);
    return mac === undefined ? [] : [this.diskOf(mac).targetName];
  }
}
