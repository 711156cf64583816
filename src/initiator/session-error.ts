/** What can become of a session and of what is sent through it. `peer` names the target's end: `192.0.2.1 port 3260`. */

import { DisklessError, ProtocolError } from '../bytes/index.ts';

export function sessionClosed(): DisklessError {
  return new DisklessError('ISCSI_SESSION_CLOSED', 'the session has been closed');
}

export function connectionLost(peer: string): DisklessError {
  return new DisklessError('ISCSI_CONNECTION_LOST', `the target ${peer} closed the connection`, {
    hint: 'It may be restarting; its own log says more.',
  });
}

/** An Asynchronous Message said so; `seconds` is its Time2Wait (RFC 7143 §11.9.1). */
export function sessionDropped(peer: string, seconds: number): DisklessError {
  return new DisklessError('ISCSI_SESSION_DROPPED', `the target ${peer} ends the session`, {
    hint: `It may be restarting; it asks to wait ${seconds} s before logging in again.`,
  });
}

/** `what` was not answered: `a ping`, `a SCSI command`. */
export function noAnswer(peer: string, what: string): DisklessError {
  return new DisklessError('ISCSI_TIMEOUT', `the target ${peer} did not answer ${what} in time`, {
    hint: 'Is the target, or the storage behind it, stuck? Its own log says more.',
  });
}

/** `reason` is one of RFC 7143 §11.17.1. */
export function rejected(reason: number): ProtocolError {
  const number = `${reason.toString(16).padStart(2, '0')}h`;
  return new ProtocolError('ISCSI_REJECTED', `the target rejected a PDU with reason ${number}`, {
    hint: 'RFC 7143 §11.17.1 lists the reasons.',
  });
}
