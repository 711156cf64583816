/** What a portal tells its owner, for traces, logs and counters. */

import type { Endpoint } from '../os/network.ts';

/** The session that an event is about. */
export interface SessionReference {
  readonly initiatorName: string;
  readonly isid: string;
  readonly tsih: number;
  /** Undefined for a discovery session. */
  readonly targetName: string | undefined;
  readonly remote: Endpoint;
}

/** Why a session ended. */
export type SessionEnd =
  /** The initiator logged out. */
  | 'logout'
  /** Its connection broke or was closed without logout. */
  | 'connection lost'
  /** It did not answer the keepalive in time. */
  | 'unresponsive'
  /** The same initiator port logged in again. */
  | 'reinstated'
  /** It broke the protocol. */
  | 'protocol error'
  /** This program failed on what it sent. */
  | 'internal error'
  /** TARGET COLD RESET, or I_T NEXUS RESET. */
  | 'reset'
  /** It was asked to log out and did not do so in time. */
  | 'logout overdue'
  /** The portal closes. */
  | 'shutdown';

export type TargetEvent =
  | { readonly kind: 'connected'; readonly remote: Endpoint }
  | { readonly kind: 'login failed'; readonly remote: Endpoint; readonly status: number; readonly error: Error }
  | { readonly kind: 'login'; readonly session: SessionReference; readonly reinstates: boolean }
  /** A session has one connection more, or one in the place of another. */
  | { readonly kind: 'connection joined'; readonly session: SessionReference; readonly cid: number }
  /** The first READ of a session: the machine has begun to load. */
  | { readonly kind: 'first read'; readonly session: SessionReference; readonly lun: number }
  | {
      readonly kind: 'session ended';
      readonly session: SessionReference;
      readonly reason: SessionEnd;
      readonly error: Error | undefined;
    }
  /** A command that failed for a reason of the device, not of the initiator. */
  | { readonly kind: 'device failed'; readonly session: SessionReference; readonly lun: number; readonly error: Error };

export type TargetEventListener = (event: TargetEvent) => void;
