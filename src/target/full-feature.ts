/** What a connection hands its PDUs to once login is over: a normal session or a discovery session. */

import type { Pdu } from '../iscsi/pdu-reader.ts';
import type { SessionEnd } from './event.ts';

export interface FullFeaturePhase {
  receive(pdu: Pdu): void;
  /** Its initiator keeps many commands under way. */
  readonly isDeep: boolean;
  /** What was held back by the socket has left. */
  drained(): void;
  /** The session is over; resolves when nothing of it works on a device any more. */
  end(reason: SessionEnd, error?: Error): Promise<void>;
  /** Tells the initiator that the portal closes. */
  announceShutdown(): void;
}

/** What a session can ask of its connection. */
export interface ConnectionControl {
  /** Sends what is queued, then closes. */
  finish(reason: SessionEnd, error?: Error): void;
  /** Closes at once. */
  drop(reason: SessionEnd, error?: Error): void;
}
