/**
 * Router advertisements (RFC 4861 §4.2) of a server that is no router: one that ends iPXE's wait for IPv6, and one that points to DHCPv6.
 *
 * iPXE configures IPv4 and IPv6 side by side and goes on when both are settled: on a network without an IPv6 router it solicits one
 * for 16 seconds, in every boot, long after DHCP has answered. This advertisement says that there is nothing to wait for: it offers
 * no router (lifetime 0), no prefix, and no DHCPv6 (RFC 4861 §4.2, §6.2.3), so that nobody else on the link changes anything.
 */

import { bits, bytes, flag, type Ipv6Prefix, ipv6ToBytes, layout, u8, u16, u32 } from '../bytes/index.ts';
import { MessageType, messageType } from '../dhcp/message.ts';
import type { DhcpServerEvent } from '../dhcp/server/event.ts';
import { ROUTER_ADVERTISEMENT_TYPE } from '../os/icmpv6-socket.ts';

const RouterAdvertisement = layout('Router Advertisement', 16, {
  type: u8(0),
  code: u8(1),
  checksum: u16(2),
  curHopLimit: u8(4),
  /** M and O: whether DHCPv6 has addresses or other configuration. */
  managedAndOther: bits(5, 6, 2),
  /** Seconds; 0: not a default router. */
  routerLifetime: u16(6),
  reachableTime: u32(8),
  retransTimer: u32(12),
});

export const noRouterHere: Uint8Array = RouterAdvertisement.encode({ type: ROUTER_ADVERTISEMENT_TYPE });

const PrefixInformation = layout('Prefix Information', 32, {
  type: u8(0),
  /** In units of eight bytes. */
  length: u8(1),
  prefixLength: u8(2),
  onLink: flag(3, 7),
  autonomous: flag(3, 6),
  /** Seconds. */
  validLifetime: u32(4),
  preferredLifetime: u32(8),
  prefix: bytes(16, 16),
});

const PREFIX_INFORMATION_TYPE = 3;
const MANAGED_AND_OTHER = 0b11;
const INFINITY = 0xffff_ffff;

/**
 * Addresses and the rest come from DHCPv6 (RFC 4861 §4.2: M and O). The prefix is on the link (§4.6.2), which DHCPv6 cannot say (RFC 8415
 * §18.2.10.1); nobody is to make an address of it. Still no router: the machines' way out is somebody else's.
 */
export function askDhcp6({ network, length }: Ipv6Prefix): Uint8Array {
  const advertisement = new Uint8Array(RouterAdvertisement.size + PrefixInformation.size);
  RouterAdvertisement.write(advertisement, 0, {
    type: ROUTER_ADVERTISEMENT_TYPE,
    managedAndOther: MANAGED_AND_OTHER,
  });
  PrefixInformation.write(advertisement, RouterAdvertisement.size, {
    type: PREFIX_INFORMATION_TYPE,
    length: PrefixInformation.size / 8,
    prefixLength: length,
    onLink: true,
    validLifetime: INFINITY,
    preferredLifetime: INFINITY,
    prefix: ipv6ToBytes(network),
  });
  return advertisement;
}

/**
 * iPXE takes the IPv4 address that it was offered, and would now wait for a router. Its request is broadcast: a proxy hears it as well as
 * the server that made the offer.
 */
export function beginsIpv6Wait(event: DhcpServerEvent): boolean {
  return (
    event.type === 'received' && event.client.kind === 'ipxe' && messageType(event.message) === MessageType.request
  );
}
