/** Why a client has no address: one error that names what was heard last. */

import { DisklessError, type Ipv4Address } from '../../bytes/index.ts';
import type { DhcpMessage } from '../message.ts';
import { summary } from '../summary.ts';
import { serverOf } from './offer.ts';

export interface Refusal {
  readonly server: Ipv4Address;
  readonly message: string;
}

export function giveUpError(
  who: string,
  waited: string,
  nak: Refusal | undefined,
  offer: DhcpMessage | undefined,
): DisklessError {
  if (nak !== undefined) {
    const what = `the DHCP server ${nak.server} refused ${who} an address for ${waited}: ${nak.message}`;
    return new DisklessError('DHCP_REFUSED', what, { hint: "Look at that server's pool and reservations." });
  }
  if (offer !== undefined) {
    const what = `the DHCP server ${serverOf(offer)} offered ${who} an address and did not confirm it within ${waited} (${summary(offer)})`;
    return new DisklessError('DHCP_NO_ACK', what, { hint: 'Look at the log of that server, or try again.' });
  }
  return new DisklessError('DHCP_NO_OFFER', `no DHCP server answered ${who} within ${waited}`, {
    hint: 'Is the cable in, and does a DHCP server serve this network? A switch port may need seconds (spanning tree).',
  });
}
