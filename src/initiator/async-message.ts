/** What a target says by an Asynchronous Message (RFC 7143 §11.9.1). */

import { AsyncEvent, AsyncMessage } from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';

/** Times are seconds. */
export type TargetMessage =
  /** This side has to log out within that time. */
  | { readonly kind: 'logout requested'; readonly time: number }
  /** A connection of the session goes, or all of them. */
  | { readonly kind: 'connection dropped'; readonly cid: number; readonly time2Wait: number }
  | { readonly kind: 'session dropped'; readonly time2Wait: number }
  /** The target has something to negotiate: this side has to give it a Text Request to answer. */
  | { readonly kind: 'negotiation requested' }
  /** Tasks at this LUN end without an answer: those that the target had received, which is all before `expCmdSN`. */
  | { readonly kind: 'tasks terminated'; readonly lun: Uint8Array; readonly expCmdSN: number }
  /** A SCSI event, one of the vendor's, or one that is not known. */
  | { readonly kind: 'other' };

export function readTargetMessage(pdu: Pdu): TargetMessage {
  const { asyncEvent, parameter1, parameter2, parameter3, lun, expCmdSN } = AsyncMessage.view(pdu.header);
  switch (asyncEvent) {
    case AsyncEvent.logoutRequested:
      return { kind: 'logout requested', time: parameter3 };
    case AsyncEvent.connectionDropped:
      return { kind: 'connection dropped', cid: parameter1, time2Wait: parameter2 };
    case AsyncEvent.sessionDropped:
      return { kind: 'session dropped', time2Wait: parameter2 };
    case AsyncEvent.renegotiate:
      return { kind: 'negotiation requested' };
    case AsyncEvent.taskTermination:
      return { kind: 'tasks terminated', lun, expCmdSN };
    default:
      return { kind: 'other' };
  }
}
