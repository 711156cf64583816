/**
 * The router advertisement that ends iPXE's wait for IPv6.
 *
 * iPXE configures IPv4 and IPv6 side by side and goes on when both are settled: on a network without an IPv6 router it solicits one
 * for 16 seconds, in every boot, long after DHCP has answered. This advertisement says that there is nothing to wait for: it offers
 * no router (lifetime 0), no prefix, and no DHCPv6 (RFC 4861 §4.2, §6.2.3), so that nobody else on the link changes anything.
 */

import { bits, layout, u8, u16, u32 } from '../bytes/index.ts';
import { MessageType, messageType } from '../dhcp/message.ts';
import type { DhcpServerEvent } from '../dhcp/server/event.ts';

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

const ROUTER_ADVERTISEMENT_TYPE = 134;

export const noRouterHere: Uint8Array = RouterAdvertisement.encode({ type: ROUTER_ADVERTISEMENT_TYPE });

/**
 * iPXE takes the IPv4 address that it was offered, and would now wait for a router. Its request is broadcast: a proxy hears it as well as
 * the server that made the offer.
 */
export function beginsIpv6Wait(event: DhcpServerEvent): boolean {
  return (
    event.type === 'received' && event.client.kind === 'ipxe' && messageType(event.message) === MessageType.request
  );
}
