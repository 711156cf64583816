/** The states of a client with what each of them knows, and what the client asks its owner to do. */

import type { DisklessError, Ipv6Address } from '../../bytes/index.ts';
import type { Datagram } from '../datagram.ts';
import type { Dhcp6Message } from '../message.ts';
import type { AdvertiseChoice } from './advertise.ts';
import type { Dhcp6Information, Dhcp6Lease } from './lease.ts';
import { dueAt, type Transmission } from './retransmission.ts';

export type Dhcp6ClientAction =
  | { readonly type: 'send'; readonly message: Dhcp6Message; readonly datagram: Datagram }
  /** A server answered the Solicit; others may. */
  | { readonly type: 'advertise'; readonly message: Dhcp6Message }
  | { readonly type: 'bound' | 'renewed'; readonly lease: Dhcp6Lease }
  | { readonly type: 'informed'; readonly information: Dhcp6Information }
  /** A server refused, with its DUID, a StatusCode and its words; the client tries what is left. */
  | { readonly type: 'refused'; readonly server: Uint8Array; readonly code: number; readonly message: string }
  /** The addresses must not be used any more. The client starts again. */
  | { readonly type: 'lost'; readonly lease: Dhcp6Lease }
  /** The server knows of the Release or Decline, or it was told often enough. */
  | { readonly type: 'released' | 'declined' }
  /** DHCP6_NO_ANSWER, DHCP6_NO_REPLY or DHCP6_REFUSED: nothing more will come. */
  | { readonly type: 'failed'; readonly error: DisklessError };

export type State =
  /** Before the first message of an exchange. */
  | { readonly name: 'waiting'; readonly next: 'solicit' | 'inform'; readonly startAt: number }
  | { readonly name: 'resuming'; readonly lease: Dhcp6Lease; readonly startAt: number }
  | {
      readonly name: 'soliciting';
      readonly transmission: Transmission;
      /** Those with addresses. */
      readonly advertises: readonly Dhcp6Message[];
    }
  | {
      readonly name: 'requesting';
      readonly transmission: Transmission;
      readonly choice: AdvertiseChoice;
      /** Whom to ask when this one does not answer, the best first. */
      readonly others: readonly AdvertiseChoice[];
    }
  /** A binding is asked for again of the server that lost it (RFC 8415 §18.2.10.1). */
  | { readonly name: 'reclaiming'; readonly transmission: Transmission; readonly lease: Dhcp6Lease }
  | { readonly name: 'confirming'; readonly transmission: Transmission; readonly lease: Dhcp6Lease }
  | { readonly name: 'bound'; readonly lease: Dhcp6Lease }
  | { readonly name: 'renewing' | 'rebinding'; readonly transmission: Transmission; readonly lease: Dhcp6Lease }
  | {
      readonly name: 'releasing' | 'declining';
      readonly transmission: Transmission;
      readonly addresses: readonly Ipv6Address[];
      readonly serverIdentifier: Uint8Array;
    }
  | { readonly name: 'informing'; readonly transmission: Transmission; readonly known: Dhcp6Information | undefined }
  | { readonly name: 'informed'; readonly information: Dhcp6Information }
  | { readonly name: 'stopped' };

export type Named<Name extends State['name']> = Extract<State, { name: Name }>;

/** Those in which a message is repeated until it is answered. */
export type Sending = Extract<State, { transmission: Transmission }>;

/** When a state needs something done; undefined when only a datagram can change anything. */
export function nextStepAt(state: State): number | undefined {
  switch (state.name) {
    case 'waiting':
    case 'resuming':
      return state.startAt;
    case 'bound':
      return finite(state.lease.renewAt);
    case 'informed':
      return finite(state.information.refreshAt);
    case 'renewing':
      return Math.min(dueAt(state.transmission), state.lease.rebindAt);
    case 'rebinding':
      return Math.min(dueAt(state.transmission), state.lease.expiresAt);
    case 'stopped':
      return undefined;
    default:
      return dueAt(state.transmission);
  }
}

function finite(time: number): number | undefined {
  return Number.isFinite(time) ? time : undefined;
}
