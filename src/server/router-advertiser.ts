/**
 * Says on a link that addresses and boot parameters come from DHCPv6: when a host asks (RFC 4861 §6.2.6), and now and then unasked
 * (§6.2.4).
 */

import { IPV6_ANY, type Ipv6Address } from '../bytes/index.ts';
import type { Clock, Timer } from '../os/clock.ts';
import { ALL_NODES } from '../os/icmpv6-socket.ts';

export interface RouterAdvertiserOptions {
  readonly clock: Clock;
  /** 0 (inclusive) to 1. */
  readonly random: () => number;
  /** Sends the advertisement. */
  readonly send: (to: Ipv6Address) => void;
  /** Solicitations are heard here. Where they are not, what is said unasked must come soon. */
  readonly hearsSolicitations: boolean;
}

/** Milliseconds, RFC 4861 §10: an answer is delayed by a random time up to this, and two that all hear are this far apart at least. */
const MAX_RA_DELAY_TIME = 500;
const MIN_DELAY_BETWEEN_RAS = 3000;
/** The first ones come sooner, as hosts may be waiting for a server that comes up. */
const MAX_INITIAL_RTR_ADVERT_INTERVAL = 16_000;
const MAX_INITIAL_RTR_ADVERTISEMENTS = 3;

/** Who asks too early after one that all heard is answered alone; beyond so many at once they wait for the next one like everybody. */
const MOST_ALONE = 64;

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
  readonly #alone = new Map<Ipv6Address, Timer>();

  constructor(options: RouterAdvertiserOptions) {
    this.#options = options;
    this.#say();
  }

  /** A host has asked, from `::` when it has no address yet. Several that ask within a moment get one answer. */
  solicited(source: Ipv6Address): void {
    const { clock, random } = this.#options;
    const now = clock.monotonic();
    const delay = random() * MAX_RA_DELAY_TIME;
    const earliest = this.#last + MIN_DELAY_BETWEEN_RAS;
    if (now < earliest && source !== IPV6_ANY && this.#alone.size < MOST_ALONE) this.#answerAlone(source, delay);
    else if (Math.max(now, earliest) + delay < this.#due) this.#sayAt(Math.max(now, earliest) + delay);
  }

  /** It may not wait for three seconds: an address of DHCPv6 reaches nobody until its prefix has been advertised. */
  #answerAlone(host: Ipv6Address, delay: number): void {
    if (this.#alone.has(host)) return;
    const answer = () => {
      this.#alone.delete(host);
      this.#options.send(host);
    };
    this.#alone.set(host, this.#options.clock.after(delay, answer));
  }

  #say(): void {
    const { clock, random, send } = this.#options;
    send(ALL_NODES);
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
    for (const timer of this.#alone.values()) timer.cancel();
  }
}
