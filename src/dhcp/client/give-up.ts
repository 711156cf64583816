/** Why a client has no address: one error that names what stood in its way. */

import { DisklessError, type Ipv4Address } from '../../bytes/index.ts';
import type { DhcpMessage } from '../message.ts';
import { summary } from '../summary.ts';
import { serverOf } from './offer.ts';

/** What stood between the client and its address; `what`, `message` and `reason` are for people. */
export type Obstacle =
  /** An answer with the client's own transaction identifier that is not for it, or that cannot be read. */
  | { readonly kind: 'discarded'; readonly server: Ipv4Address; readonly reason: string }
  /** An answer that proves no key (RFC 3118 §5.5.1). */
  | { readonly kind: 'unproven'; readonly server: Ipv4Address; readonly reason: string }
  /** An offer was taken, and no answer to that came. */
  | { readonly kind: 'unconfirmed'; readonly offer: DhcpMessage }
  /** An ACK that is not what was offered. */
  | { readonly kind: 'contradicted'; readonly server: Ipv4Address; readonly what: string }
  | { readonly kind: 'refused'; readonly server: Ipv4Address; readonly message: string };

/** The least telling first. */
const kinds: readonly Obstacle['kind'][] = ['discarded', 'unproven', 'unconfirmed', 'contradicted', 'refused'];

/** The one that says more; of equals the later one. */
export function moreTelling(before: Obstacle | undefined, now: Obstacle): Obstacle {
  return before !== undefined && kinds.indexOf(before.kind) > kinds.indexOf(now.kind) ? before : now;
}

export function giveUpError(who: string, waited: string, obstacle: Obstacle | undefined): DisklessError {
  switch (obstacle?.kind) {
    case 'refused': {
      const { server, message } = obstacle;
      const what = `the DHCP server ${server} refused ${who} an address for ${waited}: ${message}`;
      return new DisklessError('DHCP_REFUSED', what, { hint: "Look at that server's pool and reservations." });
    }
    case 'contradicted': {
      const { server, what } = obstacle;
      return new DisklessError('DHCP_ACK_CHANGED', `the DHCP server ${server} ${what}, for ${waited}`, {
        hint: 'Two servers with one identifier, or somebody between: look who answers on this network.',
      });
    }
    case 'unconfirmed': {
      const { offer } = obstacle;
      const what = `the DHCP server ${serverOf(offer)} offered ${who} an address and did not confirm it within ${waited} (${summary(offer)})`;
      return new DisklessError('DHCP_NO_ACK', what, { hint: 'Look at the log of that server, or try again.' });
    }
    case 'unproven': {
      const { server, reason } = obstacle;
      const what = `no DHCP server proved to ${who} within ${waited} that it has one of the keys; the answer of ${server} ${reason}`;
      return new DisklessError('DHCP_AUTH_FAILED', what, {
        hint: 'Server and client need the same secret under the same ID, and a server that knows RFC 3118.',
      });
    }
    default: {
      const heard = obstacle === undefined ? '' : `; the answer of ${obstacle.server} ${obstacle.reason}`;
      return new DisklessError('DHCP_NO_OFFER', `no DHCP server answered ${who} within ${waited}${heard}`, {
        hint: 'Is the cable in, and does a DHCP server serve this network? A switch port may need seconds (spanning tree).',
      });
    }
  }
}
