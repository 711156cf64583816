/**
 * Says on a link that addresses and boot parameters come from DHCPv6: when a host asks (RFC 4861 §6.2.6), and now and then unasked
 * (§6.2.4).
 */

import type { Clock, Timer } from '../os/clock.ts';

export interface RouterAdvertiserOptions {
  readonly clock: Clock;
  /** 0 (inclusive) to 1. */
  readonly random: () => number;
  /** Sends the advertisement to all nodes. */
  readonly send: () => void;
  /** Solicitations are heard here. Where they are not, what is said unasked must come soon. */
  readonly hearsSolicitations: boolean;
}

/** Milliseconds, RFC 4861 §10: an answer is delayed by a random time up to this, and two advertisements are this far apart at least. */
const MAX_RA_DELAY_TIME = 500;
const MIN_DELAY_BETWEEN_RAS = 3000;
/** The first ones come sooner, as hosts may be waiting for a server that comes up. */
const MAX_INITIAL_RTR_ADVERT_INTERVAL = 16_000;
const MAX_INITIAL_RTR_ADVERTISEMENTS = 3;

/** Milliseconds between two that nobody has asked for (§6.2.1: MinRtrAdvInterval, MaxRtrAdvInterval). */
const UNASKED = { min: 198_000, max: 600_000 } as const;
/** As often as §6.2.1 allows. */
const UNASKED_AND_DEAF = { min: 3000, max: 4000 } as const;

export class RouterAdvertiser implements Disposable {
  readonly #options: RouterAdvertiserOptions;
  #sent = 0;
  #last = Number.NEGATIVE_INFINITY;
  /** On the clock's monotonic time. */
  #due = 0;
  #timer: Timer | undefined;

  constructor(options: RouterAdvertiserOptions) {
    this.#options = options;
    this.#say();
  }

  /** A host has asked. Several that ask within a moment get one answer. */
  solicited(): void {
    const { clock, random } = this.#options;
    const earliest = Math.max(clock.monotonic(), this.#last + MIN_DELAY_BETWEEN_RAS);
    const due = earliest + random() * MAX_RA_DELAY_TIME;
    if (due < this.#due) this.#sayAt(due);
  }

  #say(): void {
    const { clock, random, send } = this.#options;
    send();
    this.#sent += 1;
    this.#last = clock.monotonic();
    this.#sayAt(this.#last + this.#pause(random()));
  }

  #sayAt(due: number): void {
    const { clock } = this.#options;
    this.#timer?.cancel();
    this.#due = due;
    this.#timer = clock.after(Math.max(0, due - clock.monotonic()), () => this.#say());
  }

  #pause(share: number): number {
    const { min, max } = this.#options.hearsSolicitations ? UNASKED : UNASKED_AND_DEAF;
    const pause = min + share * (max - min);
    return this.#sent < MAX_INITIAL_RTR_ADVERTISEMENTS ? Math.min(pause, MAX_INITIAL_RTR_ADVERT_INTERVAL) : pause;
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }
}
