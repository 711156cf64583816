/** What a DHCP server tells its owner: every step of every exchange, for logs, traces and metrics. */

import type { Ipv4Address, MacAddress, ProtocolError } from '../../bytes/index.ts';
import type { BootClient } from '../boot-client.ts';
import type { Endpoint } from '../datagram.ts';
import type { DhcpMessage } from '../message.ts';
import type { BootAnswer } from './boot-answer.ts';
import type { ClientKey } from './client-identity.ts';
import type { Lease } from './lease.ts';

/**
 * Why a well-formed message was not answered.
 *
 * `other-server`: the client chose another server. `unknown-client`: no record of it, so RFC 2131 §4.3.2 wants silence. `no-subnet`: no
 * subnet is served for the relay agent it came by. `pool-exhausted`: no address is left. `no-identity`: neither hardware address,
 * client identifier nor UUID. `no-boot`: a proxy has no boot answer for it. `unexpected`: not for servers, or in a form that the
 * standard does not know. `not-authenticated`: what it proves does not hold, or it proves nothing and has a key of its own (RFC 3118).
 */
export type IgnoreReason =
  | 'other-server'
  | 'unknown-client'
  | 'no-subnet'
  | 'pool-exhausted'
  | 'no-identity'
  | 'no-boot'
  | 'unexpected'
  | 'not-authenticated';

export type LeaseChange = 'bound' | 'renewed' | 'released' | 'declined';

export type DhcpServerEvent =
  | { readonly type: 'received'; readonly message: DhcpMessage; readonly client: BootClient; readonly from: Endpoint }
  | {
      readonly type: 'sent';
      readonly message: DhcpMessage;
      readonly client: BootClient;
      readonly to: Endpoint;
      readonly boot: BootAnswer | undefined;
      /** Codes of options that did not fit what the client can take. */
      readonly omitted: readonly number[];
    }
  | {
      readonly type: 'ignored';
      readonly message: DhcpMessage;
      readonly client: BootClient;
      readonly reason: IgnoreReason;
    }
  | { readonly type: 'lease'; readonly change: LeaseChange; readonly lease: Lease }
  /** Somebody without a lease answers at an address that was to be offered to the client: it is left alone for a while. */
  | {
      readonly type: 'conflict';
      readonly address: Ipv4Address;
      readonly holder: MacAddress;
      readonly client: BootClient;
    }
  /** The datagram is no DHCP message. */
  | { readonly type: 'malformed'; readonly error: ProtocolError; readonly from: Endpoint }
  /**
   * The lease store or the boot answer failed. A client that boots is not answered and will ask again; for one that runs, a failed boot
   * answer is as good as none.
   */
  | { readonly type: 'failed'; readonly error: unknown; readonly client: BootClient; readonly clientKey?: ClientKey };
