/**
 * Hands the boot over as an iSCSI Boot Firmware Table: what a system that is started next needs to log in to the same disk by itself,
 * over the same network card. It is an ACPI table with its header, as QEMU takes it by `-acpitable file=`.
 */

import { ipv4InSubnet, ipv4Subnet, ipv6Scope, isIpv4, parseIpv4 } from '../bytes/index.ts';
import type { IbftChap, IbftInitiator, IbftNic, IbftTable, IbftTarget, IpAddress } from '../ibft/index.ts';
import { PrefixOrigin } from '../ibft/index.ts';
import type { ChapSecret } from '../iscsi/chap.ts';
import { ipAddress, type SecondDisk, type WayToDisk } from './way-to-disk.ts';

const MAKER = { oemId: 'DSKLSS', oemTableId: 'DISKLESS' } as const;

/** Without a place on the bus, the next system finds the card by its hardware address, as it mostly does anyway. */
const UNKNOWN_PCI = { bus: 0, device: 0, function: 0 } as const;

/** RFC 3927 §2.1 */
const IPV4_LINK_LOCAL = ipv4Subnet(parseIpv4('169.254.0.0'), 16);

/** The disk first, as the one that was booted from; the second disk is there for the next system to use as well. */
export function ibftOf(way: WayToDisk): IbftTable {
  const { targetName, lun, remote, second } = way;
  const more = second === undefined ? [] : [targetOf(way, second, 1)];
  return {
    ...MAKER,
    initiator: initiatorOf(way),
    nics: [nicOf(way)],
    targets: [targetOf(way, { targetName, lun, remote }, 0), ...more],
  };
}

function initiatorOf({ initiatorName, isnsServer, slpServer }: WayToDisk): IbftInitiator {
  return {
    valid: true,
    bootSelected: true,
    name: initiatorName,
    isnsServer,
    slpServer,
    primaryRadiusServer: undefined,
    secondaryRadiusServer: undefined,
  };
}

function nicOf({ local, interface: { mac, ipv4, ipv6 }, pci = UNKNOWN_PCI, lease }: WayToDisk): IbftNic {
  const address = ipAddress(local.address);
  const own = [...ipv4, ...ipv6].find((each) => each.address === address);
  return {
    valid: true,
    bootSelected: true,
    index: 0,
    global: !isLinkLocal(address),
    address,
    prefix: own?.prefix ?? (isIpv4(address) ? 32 : 128),
    origin: lease === undefined ? PrefixOrigin.manual : PrefixOrigin.dhcp,
    gateway: lease?.router,
    primaryDns: lease?.nameServers[0],
    secondaryDns: lease?.nameServers[1],
    dhcpServer: lease?.server,
    vlan: 0,
    mac,
    pci,
    hostName: lease?.hostName ?? '',
  };
}

function targetOf({ chap }: WayToDisk, { remote, lun, targetName }: SecondDisk, index: 0 | 1): IbftTarget {
  return {
    valid: true,
    bootSelected: index === 0,
    index,
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

function isLinkLocal(address: IpAddress): boolean {
  return isIpv4(address) ? ipv4InSubnet(address, IPV4_LINK_LOCAL) : ipv6Scope(address) === 'link-local';
}
