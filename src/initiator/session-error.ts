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

/** An Asynchronous Message said so (RFC 7143 §11.9.1). */
export class SessionDropped extends DisklessError {
  /** Seconds to wait before logging in again. */
  readonly time2Wait: number;

  constructor(peer: string, time2Wait: number) {
    super('ISCSI_SESSION_DROPPED', `the target ${peer} ends the session`, {
      hint: `It may be restarting; it asks to wait ${time2Wait} s before logging in again.`,
    });
    this.time2Wait = time2Wait;
  }
}

export function logoutRequested(peer: string): DisklessError {
  return new DisklessError('ISCSI_LOGOUT_REQUESTED', `the target ${peer} has asked for a logout`, {
    hint: 'It may be restarting, or moving to another portal: log in again.',
  });
}

/** A task management function has ended the command, this side's or somebody else's. */
export function taskEnded(peer: string): DisklessError {
  return new DisklessError('ISCSI_TASK_ENDED', `the target ${peer} has ended the command without doing it`, {
    hint: 'The logical unit or the target was reset; the command can be given again.',
  });
}

export function protocolLevelTooLow(needed: number, negotiated: number): DisklessError {
  return new DisklessError(
    'ISCSI_PROTOCOL_LEVEL',
    `this needs iSCSIProtocolLevel ${needed}, and the session has ${negotiated}`,
    { hint: 'Ask for it in the login; the target may not know it.' },
  );
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
