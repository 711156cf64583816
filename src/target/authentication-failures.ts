/**
 * Remembers who failed to authenticate lately: who guesses is turned away for a while without another try. Initiators are told
 * apart by address and name, so that nobody locks out another machine by using its name; an address has a count of its own as well,
 * so that invented names bring no further guesses.
 */

import type { GuessLimit } from '../iscsi/target-authentication.ts';
import type { Clock } from '../os/clock.ts';

export interface AuthenticationLimits {
  /** Failures in a row of one name at one address before the door closes. */
  readonly attempts: number;
  /** Failures of all names at one address; default: ten times `attempts`, for the machines behind one translated address. */
  readonly attemptsPerAddress?: number;
  /** Milliseconds that it stays closed after the last one. */
  readonly lockout: number;
}

export class AuthenticationFailures {
  readonly #byName: FailureCounts;
  readonly #byAddress: FailureCounts;

  constructor(clock: Clock, { attempts, attemptsPerAddress = 10 * attempts, lockout }: AuthenticationLimits) {
    this.#byName = new FailureCounts(clock, attempts, lockout);
    this.#byAddress = new FailureCounts(clock, attemptsPerAddress, lockout);
  }

  /** What one initiator may still try, by whichever connection and for whichever kind of session. */
  limitOf(address: string, initiatorName: string): GuessLimit {
    const key = `${address} ${initiatorName}`;
    return {
      isExhausted: () => this.#byName.isFull(key) || this.#byAddress.isFull(address),
      failed: () => {
        this.#byName.add(key);
        this.#byAddress.add(address);
      },
      // A secret that somebody knows must not buy guesses at others: only time forgives an address.
      succeeded: () => this.#byName.forget(key),
    };
  }
}

/** Failures are remembered for this many at a time; the oldest make way. */
const CAPACITY = 4096;

interface Failures {
  readonly count: number;
  /** Monotonic milliseconds. */
  readonly last: number;
}

class FailureCounts {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #lockout: number;
  /** In the order of their last failure. */
  readonly #failures = new Map<string, Failures>();

  constructor(clock: Clock, limit: number, lockout: number) {
    this.#clock = clock;
    this.#limit = limit;
    this.#lockout = lockout;
  }

  isFull(key: string): boolean {
    return this.#recent(key) >= this.#limit;
  }

  add(key: string): void {
    const count = this.#recent(key) + 1;
    this.#failures.delete(key);
    this.#failures.set(key, { count, last: this.#clock.monotonic() });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > CAPACITY && oldest !== undefined) this.#failures.delete(oldest);
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  #recent(key: string): number {
    const failures = this.#failures.get(key);
    if (failures !== undefined && this.#clock.monotonic() - failures.last < this.#lockout) return failures.count;
    this.#failures.delete(key);
    return 0;
  }
}
