/** The portals of one server (RFC 7143 §4.4.1), and what they must know of each other. */

import { type Clock, systemClock } from '../os/clock.ts';
import { AuthenticationFailures, type AuthenticationLimits } from './authentication-failures.ts';

export interface PortalGroupOptions {
  readonly clock?: Clock;
  /** When guessing of secrets is stopped. Default: for a minute, after five failures. */
  readonly authenticationLimits?: AuthenticationLimits;
}

/** Portals are opened into it one by one (`PortalOptions.group`). */
export class PortalGroup {
  /** Counted over all portals: who guesses at one has no more guesses at another. */
  readonly authenticationFailures: AuthenticationFailures;

  constructor({ clock = systemClock, authenticationLimits }: PortalGroupOptions = {}) {
    const limits = authenticationLimits ?? { attempts: 5, lockout: 60_000 };
    this.authenticationFailures = new AuthenticationFailures(clock, limits);
  }
}
