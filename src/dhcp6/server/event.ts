/** What a DHCPv6 server tells its owner: every step of every exchange, for logs, traces and metrics. */

import type { ProtocolError } from '../../bytes/index.ts';
import type { BootClient } from '../boot-client.ts';
import type { Endpoint } from '../datagram.ts';
import type { Dhcp6Message } from '../message.ts';
import type { BootAnswer } from './boot-answer.ts';
import type { Lease } from './lease.ts';

/**
 * Why a well-formed message was not answered.
 *
 * `invalid`: it lacks or has an option that RFC 8415 §16 demands or forbids. `other-server`: it is for another server. `no-link`: no link
 * is served for the relay agent that it came by. `nothing-to-say`: RFC 8415 wants silence, as to a Confirm without addresses.
 * `unexpected`: not for servers. `unicast`: it is one that is for all servers, and came to this one's own address (§16).
 */
export type IgnoreReason = 'invalid' | 'other-server' | 'no-link' | 'nothing-to-say' | 'unexpected' | 'unicast';

export type LeaseChange = 'bound' | 'renewed' | 'released' | 'declined';

export type Dhcp6ServerEvent =
  | { readonly type: 'received'; readonly message: Dhcp6Message; readonly client: BootClient; readonly from: Endpoint }
  | {
      readonly type: 'sent';
      readonly message: Dhcp6Message;
      readonly client: BootClient;
      readonly to: Endpoint;
      readonly boot: BootAnswer | undefined;
    }
  | {
      readonly type: 'ignored';
      readonly message: Dhcp6Message;
      readonly client: BootClient;
      readonly reason: IgnoreReason;
    }
  /** A client asked for an address and the pool has none left. */
  | { readonly type: 'exhausted'; readonly client: BootClient }
  | { readonly type: 'lease'; readonly change: LeaseChange; readonly lease: Lease }
  /** The datagram is no DHCPv6 message. */
  | { readonly type: 'malformed'; readonly error: ProtocolError; readonly from: Endpoint }
  /** The lease store or the boot answer failed: the client is not answered and will ask again. */
  | { readonly type: 'failed'; readonly error: unknown; readonly client: BootClient };
