/**
 * Router advertisements (RFC 4861 §4.2) of a server that is no router: one that ends iPXE's wait for IPv6, and one that points to DHCPv6.
 *
 * iPXE configures IPv4 and IPv6 side by side and goes on when both are settled: on a network without an IPv6 router it solicits one
 * for 16 seconds, in every boot, long after DHCP has answered. This advertisement says that there is nothing to wait for: it offers
 * no router (lifetime 0), no prefix, and no DHCPv6 (RFC 4861 §4.2, §6.2.3), so that nobody else on the link changes anything.
 */

import {
  AdvertisedOption,
  FOR_EVER,
  PrefixInformation,
  RouterAdvertisementFields,
} from '../boot/router-advertisement.ts';
import { type Ipv6Prefix, ipv6ToBytes } from '../bytes/index.ts';
import { MessageType, messageType } from '../dhcp/message.ts';
import type { DhcpServerEvent } from '../dhcp/server/event.ts';
import { ROUTER_ADVERTISEMENT_TYPE } from '../os/icmpv6-socket.ts';

export const noRouterHere: Uint8Array = RouterAdvertisementFields.encode({ type: ROUTER_ADVERTISEMENT_TYPE });

const MANAGED_AND_OTHER = 0b11;

/**
 * Addresses and the rest come from DHCPv6 (RFC 4861 §4.2: M and O). The prefix is on the link (§4.6.2), which DHCPv6 cannot say (RFC 8415
 * §18.2.10.1); nobody is to make an address of it. Still no router: the machines' way out is somebody else's.
 */
export function askDhcp6({ network, length }: Ipv6Prefix): Uint8Array {
  const advertisement = new Uint8Array(RouterAdvertisementFields.size + PrefixInformation.size);
  RouterAdvertisementFields.write(advertisement, 0, {
    type: ROUTER_ADVERTISEMENT_TYPE,
    managedAndOther: MANAGED_AND_OTHER,
  });
  PrefixInformation.write(advertisement, RouterAdvertisementFields.size, {
    type: AdvertisedOption.prefixInformation,
    length: PrefixInformation.size / 8,
    prefixLength: length,
    onLink: true,
    validLifetime: FOR_EVER,
    preferredLifetime: FOR_EVER,
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
