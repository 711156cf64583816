/** The states of a client (RFC 2131 figure 5) with what each of them knows, and what the client asks its owner to do. */

import type { DisklessError, Ipv4Address } from '../../bytes/index.ts';
import type { Datagram } from '../datagram.ts';
import type { DhcpMessage } from '../message.ts';
import type { DhcpLease } from './lease.ts';
import type { Offer, RankedOffer } from './offer.ts';

export type DhcpClientAction =
  | { readonly type: 'send'; readonly message: DhcpMessage; readonly datagram: Datagram }
  /** An offer arrived and waits for better ones. */
  | { readonly type: 'offer'; readonly message: DhcpMessage }
  /** The first of several offers is taken. */
  | { readonly type: 'chosen'; readonly ranking: readonly RankedOffer[] }
  /** An answer must not be believed; `reason` is a clause that follows "it". Of a flood only the first ones are told. */
  | { readonly type: 'discarded'; readonly server: Ipv4Address; readonly reason: string }
  | { readonly type: 'bound' | 'renewed'; readonly lease: DhcpLease }
  /** The server refused; the client starts again. */
  | { readonly type: 'nak'; readonly server: Ipv4Address; readonly message: string }
  /** The lease is over: the address must not be used any more. The client starts again. */
  | { readonly type: 'lost'; readonly lease: DhcpLease }
  /** DHCP_NO_OFFER, DHCP_NO_ACK, DHCP_ACK_CHANGED, DHCP_AUTH_FAILED or DHCP_REFUSED: nothing more will come. */
  | { readonly type: 'failed'; readonly error: DisklessError };

/** What repeats a message until it is answered. */
export interface Transmission {
  readonly xid: number;
  readonly attempt: number;
  readonly sentAt: number;
  readonly nextAt: number;
}

/** The client has asked everybody and collects answers. */
export interface Selecting {
  readonly name: 'selecting';
  readonly transmission: Transmission;
  readonly offers: readonly Offer[];
  /** When the choice is made; undefined before the first offer. */
  readonly chooseAt: number | undefined;
}

/** The client has asked for one of the offers. */
export interface Requesting {
  readonly name: 'requesting';
  readonly transmission: Transmission;
  readonly choice: RankedOffer;
  readonly proxyOffer: DhcpMessage | undefined;
}

export type State =
  | { readonly name: 'init'; readonly startAt: number }
  | Selecting
  | Requesting
  | { readonly name: 'rebooting'; readonly transmission: Transmission; readonly address: Ipv4Address }
  | { readonly name: 'bound'; readonly lease: DhcpLease }
  | { readonly name: 'renewing' | 'rebinding'; readonly transmission: Transmission; readonly lease: DhcpLease }
  | { readonly name: 'stopped' };

/** When a state needs something done; undefined when only a datagram can change anything. */
export function nextStepAt(state: State): number | undefined {
  switch (state.name) {
    case 'init':
      return state.startAt;
    case 'selecting':
      return state.chooseAt ?? state.transmission.nextAt;
    case 'bound':
      return Number.isFinite(state.lease.renewAt) ? state.lease.renewAt : undefined;
    case 'stopped':
      return undefined;
    default:
      return state.transmission.nextAt;
  }
}
