/**
 * Hands the boot over as an iSCSI Boot Firmware Table: what a system that is started next needs to log in to the same disk by itself,
 * over the same network card. It is an ACPI table with its header, as QEMU takes it by `-acpitable file=`.
 */

import { DisklessError, ipv4InSubnet, ipv4Subnet, ipv6Scope, isIpv4, parseIpv4, parseIpv6 } from '../bytes/index.ts';
import type { DhcpLease } from '../dhcp/client/lease.ts';
import { Option } from '../dhcp/option.ts';
import type { IbftChap, IbftNic, IbftTable, IbftTarget, IpAddress } from '../ibft/index.ts';
import { PrefixOrigin } from '../ibft/index.ts';
import type { ChapCredentials, ChapSecret } from '../iscsi/chap.ts';
import type { Endpoint, Network, NetworkInterface } from '../os/network.ts';
import type { BootResult } from './boot.ts';

/** The disk and the way to it, as the boot found them. */
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
  /** What DHCP said, where it was asked. */
  readonly lease: DhcpLease | undefined;
  readonly chap: ChapCredentials | undefined;
}

/** Raises BOOT_INTERFACE_UNKNOWN when no interface has the address that the session came from. */
export function wayToDisk({ disk, initiatorName, lease, chap }: BootResult, network: Network): WayToDisk {
  const { local, remote } = disk.session.current;
  const address = withoutZone(local.address);
  const all = network.interfaces();
  const used = all.find(({ ipv4, ipv6 }) => [...ipv4, ...ipv6].some((each) => each.address === address));
  if (used === undefined) {
    throw new DisklessError('BOOT_INTERFACE_UNKNOWN', `no network interface has the session's address ${address}`, {
      hint: `This machine has ${all.map(({ name }) => name).join(', ')}.`,
    });
  }
  const { targetName, lun } = disk;
  return { initiatorName, targetName, lun, local, remote, interface: used, lease, chap };
}

const MAKER = { oemId: 'DSKLSS', oemTableId: 'DISKLESS' } as const;

/** Where the card is in the next machine is not known: its system finds it by the hardware address. */
const UNKNOWN_PCI = { bus: 0, device: 0, function: 0 } as const;

/** RFC 3927 §2.1 */
const IPV4_LINK_LOCAL = ipv4Subnet(parseIpv4('169.254.0.0'), 16);

export function ibftOf(way: WayToDisk): IbftTable {
  return {
    ...MAKER,
    initiator: {
      valid: true,
      bootSelected: true,
      name: way.initiatorName,
      isnsServer: undefined,
      slpServer: undefined,
      primaryRadiusServer: undefined,
      secondaryRadiusServer: undefined,
    },
    nics: [nicOf(way)],
    targets: [targetOf(way)],
  };
}

function nicOf({ local, interface: { mac, ipv4, ipv6 }, lease }: WayToDisk): IbftNic {
  const address = ipAddress(local.address);
  const nameServers = lease?.reply.options.find(Option.domainNameServers) ?? [];
  const own = [...ipv4, ...ipv6].find((each) => each.address === address);
  return {
    valid: true,
    bootSelected: true,
    index: 0,
    global: !isLinkLocal(address),
    address,
    prefix: own?.prefix ?? (isIpv4(address) ? 32 : 128),
    origin: lease === undefined ? PrefixOrigin.manual : PrefixOrigin.dhcp,
    gateway: lease?.reply.options.find(Option.routers)?.[0],
    primaryDns: nameServers[0],
    secondaryDns: nameServers[1],
    dhcpServer: lease?.serverIdentifier,
    vlan: 0,
    mac,
    pci: UNKNOWN_PCI,
    hostName: lease?.reply.options.find(Option.hostName) ?? '',
  };
}

function targetOf({ remote, lun, targetName, chap }: WayToDisk): IbftTarget {
  return {
    valid: true,
    bootSelected: true,
    index: 0,
    address: ipAddress(remote.address),
    port: remote.port,
    lun,
    nicIndex: 0,
    name: targetName,
    chap: chap && secretOf(chap.initiator),
    reverseChap: chap?.target && secretOf(chap.target),
    radiusChap: false,
    radiusReverseChap: false,
  };
}

function secretOf({ name, secret }: ChapSecret): IbftChap {
  return { name, secret };
}

/** Of an end of a connection; the zone of a link-local address has no place in the table. */
function ipAddress(literal: string): IpAddress {
  return isIpv4(literal) ? literal : parseIpv6(withoutZone(literal));
}

function withoutZone(literal: string): string {
  return literal.split('%')[0] ?? '';
}

function isLinkLocal(address: IpAddress): boolean {
  return isIpv4(address) ? ipv4InSubnet(address, IPV4_LINK_LOCAL) : ipv6Scope(address) === 'link-local';
}
