/** The clock of one logical unit: the machine's own, until an initiator sets it (SPC-4). */

import type { Clock } from '../os/clock.ts';
import { TimestampOrigin } from '../scsi/index.ts';

/** Milliseconds that 48 bits hold. */
const MODULUS = 2 ** 48;

export class DeviceClock {
  readonly #clock: Clock;
  /** What the initiator set, and when that was by a clock that does not jump. */
  #set: { readonly timestamp: number; readonly at: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get origin(): number {
    return this.#set === undefined ? TimestampOrigin.setOtherwise : TimestampOrigin.setByCommand;
  }

  /** Milliseconds since the Unix epoch. */
  now(): number {
    if (this.#set === undefined) return this.#clock.now();
    return Math.floor(this.#set.timestamp + this.#clock.monotonic() - this.#set.at) % MODULUS;
  }

  set(timestamp: number): void {
    this.#set = { timestamp, at: this.#clock.monotonic() };
  }
}
