/**
 * How long a login may take. The time in which the target waits for the initiator, all waits together, is the initiator's: one that
 * says nothing, or a byte now and then, does not keep its connection. The time in which the initiator waits for the target, which
 * may have a disk to make for it, is not; it has a bound of its own for each wait, so that no connection is for ever.
 */

import { DisklessError } from '../bytes/index.ts';
import { LoginStatus } from '../iscsi/pdu.ts';
import type { Clock, Timer } from '../os/clock.ts';

/** Milliseconds that the target may take for a step. Initiators give up before: firmware and Linux after 15 to 30 s. */
export const TARGET_STEP_LIMIT = 60_000;

export interface LoginTimeOptions {
  readonly clock: Clock;
  /** Milliseconds that the initiator has. */
  readonly limit: number;
  /** Its address. */
  readonly initiator: string;
  /** Gets the status and the error of a login that is to be ended. */
  readonly onOver: (status: number, error: DisklessError) => void;
}

export class LoginTime {
  readonly #options: LoginTimeOptions;
  /** Milliseconds that are left to the initiator. */
  #left: number;
  /** When its present wait began. */
  #since = 0;
  #timer: Timer | undefined;

  /** Begins with a wait for the initiator. */
  constructor(options: LoginTimeOptions) {
    this.#options = options;
    this.#left = options.limit;
    this.waitForInitiator();
  }

  waitForInitiator(): void {
    const { clock, initiator } = this.#options;
    this.#since = clock.monotonic();
    const text = `${initiator} did not finish its login in time`;
    this.#limit(this.#left, LoginStatus.initiatorError, text);
  }

  waitForTarget(): void {
    const { clock, initiator } = this.#options;
    this.#left = Math.max(0, this.#left - (clock.monotonic() - this.#since));
    const text = `what ${initiator} logs in to was not ready in time`;
    this.#limit(TARGET_STEP_LIMIT, LoginStatus.serviceUnavailable, text);
  }

  #limit(delay: number, status: number, text: string): void {
    const { clock, onOver } = this.#options;
    this.end();
    this.#timer = clock.after(delay, () => onOver(status, new DisklessError('ISCSI_LOGIN_TIMEOUT', text)));
  }

  /** The login is over, whichever way. */
  end(): void {
    this.#timer?.cancel();
  }
}
