/** Router Solicitation (RFC 4861 §4.1): a host asks the routers of its link for what they would otherwise say minutes later. */

import { type MacAddress, macToBytes } from '../bytes/index.ts';
import { ROUTER_SOLICITATION_TYPE, SOURCE_LINK_LAYER_ADDRESS_TYPE } from '../os/icmpv6-socket.ts';

const HEADER_LENGTH = 8;
/** With its length in units of eight bytes. */
const SOURCE_LINK_LAYER_ADDRESS = [SOURCE_LINK_LAYER_ADDRESS_TYPE, 1] as const;

/** Of a host that has an address of the link already. The kernel fills in the checksum. */
export function routerSolicitation(mac: MacAddress): Uint8Array {
  const header = new Uint8Array(HEADER_LENGTH);
  header[0] = ROUTER_SOLICITATION_TYPE;
  return new Uint8Array([...header, ...SOURCE_LINK_LAYER_ADDRESS, ...macToBytes(mac)]);
}
