/**
 * Asks an initiator to log out, and drops it when it does not (RFC 7143 §11.9.1, event 1).
 *
 * Linux (with iscsid), libiscsi and most others log out at once and log in again where they were: what is under way ends in order,
 * and a session can be led elsewhere by a redirection. iPXE, and Linux between its initramfs and its system, do nothing of the kind
 * and are dropped when their time is over.
 */

import { AsyncEvent } from '../iscsi/pdu.ts';
import type { Session } from './session.ts';

/** Parameter3 has 16 bits. */
const MAXIMUM_TIME = 0xffff;

/** `time` is seconds, 1 to 65535. Resolves when the session has ended: with true when its initiator has logged out. */
export async function requestLogout(session: Session, time: number): Promise<boolean> {
  const parameter3 = Math.min(Math.max(1, Math.ceil(time)), MAXIMUM_TIME);
  for (const { responses } of session.connections.open()) {
    responses.asyncMessage(AsyncEvent.logoutRequested, { parameter3 });
  }
  const timer = session.clock.after(parameter3 * 1000, () => drop(session));
  const reason = await session.ended;
  timer.cancel();
  return reason === 'logout';
}

/** The initiator is told, where it can be, that its connections go. */
function drop(session: Session): void {
  for (const { cid, responses, parameters } of session.connections.open()) {
    const values = { parameter1: cid, parameter2: parameters.defaultTime2Wait };
    responses.asyncMessage(AsyncEvent.connectionDropped, values);
  }
  void session.end('logout overdue');
}
