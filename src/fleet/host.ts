/** A machine of the fleet, known by its hardware address. */

import type { Ipv4Address, Ipv6Address, MacAddress } from '../bytes/index.ts';

export interface Host {
  readonly hardwareAddress: MacAddress;
  /** What the machine calls itself, or what its administrator calls it. */
  readonly name: string | undefined;
  /** The iSCSI target that is this machine's disk, and nobody else's. */
  readonly targetName: string;
  /** An address that is kept for it; undefined: any address of the pool. */
  readonly address: Ipv4Address | undefined;
  /** The same over IPv6. */
  readonly ipv6Address: Ipv6Address | undefined;
  /** Path of the image that it boots; undefined: the server's. */
  readonly image: string | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly firstSeen: number;
  readonly lastSeen: number;
}

export interface HostStore {
  find(hardwareAddress: MacAddress): Host | undefined;
  findByTargetName(targetName: string): Host | undefined;
  /** The machine that this address is kept for. */
  findByAddress(address: Ipv4Address | Ipv6Address): Host | undefined;
  all(): Host[];
  /**
   * Replaces what is known of the machine. Resolves once it survives a power cut. Raises FLEET_TARGET_NAME_EXISTS, FLEET_ADDRESS_EXISTS,
   * FLEET_NO_SPACE, FLEET_NOT_WRITTEN.
   */
  save(host: Host): Promise<void>;
  /** Forgets the machine. Resolves once that survives a power cut. Raises FLEET_NO_SPACE, FLEET_NOT_WRITTEN. */
  remove(hardwareAddress: MacAddress): Promise<void>;
  /** Notes when a known machine was last here. What the last moments before a power cut noted may be lost. */
  touch(hardwareAddress: MacAddress, lastSeen: number): void;
}

/** All that are kept for it. */
export function addressesOf({ address, ipv6Address }: Host): (Ipv4Address | Ipv6Address)[] {
  return [address, ipv6Address].filter((each) => each !== undefined);
}
