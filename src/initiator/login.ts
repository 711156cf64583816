/** The login phase over a connection: the login machine's PDUs sent and received, against the clock. */

import { DisklessError } from '../bytes/index.ts';
import { InitiatorLogin, type InitiatorLoginOptions, type InitiatorLoginOutcome } from '../iscsi/initiator-login.ts';
import type { Clock } from '../os/clock.ts';
import type { Connection } from './connection.ts';

export type LoginComplete = Extract<InitiatorLoginOutcome, { kind: 'complete' }>;
export type LoginRedirected = Extract<InitiatorLoginOutcome, { kind: 'redirected' }>;

export interface LoginLimits {
  readonly clock: Clock;
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Logs in. On success `complete` is called in the same turn, before the target's next PDU is looked at, and its result is returned.
 * Otherwise the connection is over: a redirection is returned, everything else is raised: ISCSI_LOGIN_TIMEOUT, ISCSI_LOGIN_CLOSED, ABORTED, and what
 * the login machine reports.
 */
export function logIn<T>(
  connection: Connection,
  options: InitiatorLoginOptions,
  limits: LoginLimits,
  complete: (outcome: LoginComplete) => T,
): Promise<T | LoginRedirected> {
  const machine = new InitiatorLogin(options);
  const { address, port } = connection.remote;
  const peer = `${address} port ${port}`;
  return new Promise((resolve, reject) => {
    const finish = (act: () => void) => {
      deadline.cancel();
      limits.signal?.removeEventListener('abort', abort);
      act();
    };
    const give = (error: Error) => connection.destroy(error);
    const abort = () => give(new DisklessError('ABORTED', `the login at ${peer} was given up`));
    const deadline = limits.clock.after(limits.timeout, () =>
      give(
        new DisklessError(
          'ISCSI_LOGIN_TIMEOUT',
          `${peer} took the connection but did not finish the login in ${limits.timeout / 1000} s`,
          {
            hint: 'Is that port an iSCSI target? Its own log says more.',
          },
        ),
      ),
    );
    connection.start({
      pdu(pdu) {
        const { send, outcome } = machine.receive(pdu);
        if (send !== undefined) connection.sendBytes(send);
        if (outcome.kind === 'failed') give(outcome.error);
        else if (outcome.kind === 'redirected') {
          finish(() => resolve(outcome));
          connection.destroy();
        } else if (outcome.kind === 'complete') {
          connection.configure(outcome.parameters);
          finish(() => resolve(complete(outcome)));
        }
      },
      closed(error) {
        const closed = new DisklessError('ISCSI_LOGIN_CLOSED', `${peer} closed the connection during the login`, {
          hint: 'Is that port an iSCSI target? Its own log says more.',
        });
        finish(() => reject(error ?? closed));
      },
    });
    limits.signal?.addEventListener('abort', abort, { once: true });
    if (limits.signal?.aborted) abort();
    else connection.sendBytes(machine.start());
  });
}
