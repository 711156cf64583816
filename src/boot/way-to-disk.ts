/** The disk and the way to it, as a boot found them: what a system that is started next has to know. */

import { addressWithoutZone, DisklessError, isIpv4, parseIpv6 } from '../bytes/index.ts';
import type { IpAddress } from '../ibft/index.ts';
import type { ChapCredentials } from '../iscsi/chap.ts';
import { canonicalIpv6 } from '../iscsi/server-name.ts';
import { ISNS_PORT } from '../isns/pdu.ts';
import type { Endpoint, Network, NetworkInterface } from '../os/network.ts';
import type { PciPlace, pciPlaceOf } from '../os/pci-address.ts';
import type { BootResult } from './boot.ts';
import type { Candidate } from './candidate.ts';
import type { ServiceLocations } from './discovery-service.ts';
import type { LeasedNetwork } from './leased-network.ts';

export interface WayToDisk {
  readonly initiatorName: string;
  readonly targetName: string;
  /** Eight bytes. */
  readonly lun: Uint8Array;
  /** Both ends of the session's connection. */
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** The one that has the local address. */
  readonly interface: NetworkInterface;
  readonly pci: PciPlace | undefined;
  /** What DHCP said, where it was asked. */
  readonly lease: LeasedNetwork | undefined;
  /** The discovery services whose addresses are known, the first of each kind. */
  readonly isnsServer: IpAddress | undefined;
  readonly slpServer: IpAddress | undefined;
  readonly chap: ChapCredentials | undefined;
  readonly second: SecondDisk | undefined;
}

/** What the second Root Path names: nobody has logged in to it yet. */
export interface SecondDisk {
  readonly remote: Endpoint;
  readonly targetName: string;
  /** Eight bytes. */
  readonly lun: Uint8Array;
}

/**
 * Raises BOOT_INTERFACE_UNKNOWN when no interface has the address that the session came from; for the second disk NETWORK_NAME_UNKNOWN,
 * BOOT_SECURE_LITERAL and BOOT_SECURE_SERVER.
 */
export async function wayToDisk(result: BootResult, placeOf: typeof pciPlaceOf): Promise<WayToDisk> {
  const { disk, initiatorName, lease, chap, network, locations } = result;
  const { local, remote } = disk.session.current;
  const used = interfaceWith(local.address, network);
  const { targetName, lun } = disk;
  const services = { isnsServer: isnsServerIn(locations), slpServer: literal(locations.slpAgents[0]) };
  return {
    initiatorName,
    targetName,
    lun,
    local,
    remote,
    interface: used,
    pci: placeOf(used.name, used.mac),
    lease,
    ...services,
    chap,
    second: result.second && (await located(result.second, result)),
  };
}

function interfaceWith(zoned: string, network: Network): NetworkInterface {
  const address = addressWithoutZone(zoned);
  const all = network.interfaces();
  const used = all.find(({ ipv4, ipv6 }) => [...ipv4, ...ipv6].some((each) => each.address === address));
  if (used !== undefined) return used;
  throw new DisklessError('BOOT_INTERFACE_UNKNOWN', `no network interface has the session's address ${address}`, {
    hint: `This machine has ${all.map(({ name }) => name).join(', ')}.`,
  });
}

/** Who reads the address alone asks at the well-known port. */
function isnsServerIn({ isnsServers: [first] }: ServiceLocations): IpAddress | undefined {
  return first?.port === ISNS_PORT ? literal(first.host) : undefined;
}

async function located({ portal, targetName, lun }: Candidate, result: BootResult): Promise<SecondDisk> {
  result.admit(portal.host);
  const [address] = await result.network.resolve(portal.host);
  if (address === undefined) throw new DisklessError('NETWORK_NAME_UNKNOWN', `${portal.host} has no address`);
  return { remote: { address, port: portal.port }, targetName, lun: lun ?? result.disk.lun };
}

/** Undefined for a name, and for nothing. */
function literal(host: string | undefined): IpAddress | undefined {
  if (host === undefined) return undefined;
  return isIpv4(host) || canonicalIpv6(addressWithoutZone(host)) !== undefined ? ipAddress(host) : undefined;
}

/** The zone of a link-local address has no place outside of this machine. */
export function ipAddress(text: string): IpAddress {
  return isIpv4(text) ? text : parseIpv6(addressWithoutZone(text));
}
