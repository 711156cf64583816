/**
 * Remembers who failed to authenticate lately: who guesses is turned away for a while without another try. Initiators are told
 * apart by address and name, so that nobody locks out another machine by using its name.
 */

import type { Clock } from '../os/clock.ts';

export interface AuthenticationLimits {
  /** Failures in a row before the door closes. */
  readonly attempts: number;
  /** Milliseconds that it stays closed after the last one. */
  readonly lockout: number;
}

/** Failures are remembered for this many at a time; the oldest make way. */
const CAPACITY = 4096;

interface Failures {
  readonly count: number;
  /** Monotonic milliseconds. */
  readonly last: number;
}

export class AuthenticationFailures {
  readonly #clock: Clock;
  readonly #limits: AuthenticationLimits;
  /** In the order of their last failure. */
  readonly #failures = new Map<string, Failures>();

  constructor(clock: Clock, limits: AuthenticationLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Whether a login should be refused without looking at its credentials. */
  isLockedOut(address: string, initiatorName: string): boolean {
    const { count } = this.#recent(keyOf(address, initiatorName));
    return count >= this.#limits.attempts;
  }

  failed(address: string, initiatorName: string): void {
    const key = keyOf(address, initiatorName);
    const { count } = this.#recent(key);
    this.#failures.delete(key);
    this.#failures.set(key, { count: count + 1, last: this.#clock.monotonic() });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > CAPACITY && oldest !== undefined) this.#failures.delete(oldest);
  }

  succeeded(address: string, initiatorName: string): void {
    this.#failures.delete(keyOf(address, initiatorName));
  }

  #recent(key: string): Failures {
    const now = this.#clock.monotonic();
    const failures = this.#failures.get(key);
    if (failures !== undefined && now - failures.last < this.#limits.lockout) return failures;
    this.#failures.delete(key);
    return { count: 0, last: now };
  }
}

function keyOf(address: string, initiatorName: string): string {
  return `${address} ${initiatorName}`;
}
