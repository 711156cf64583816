/**
 * Notices initiators that have gone without a word: a NOP-In asks for a sign of life when nothing has come for a while
 * (RFC 7143 §11.19). Only those that have sent a NOP of their own are asked. Firmware often knows none: iPXE ends the connection
 * when it is asked to answer one. For those, TCP's keepalive must do.
 */

import type { Clock, Timer } from '../os/clock.ts';

export interface KeepaliveOptions {
  /** Milliseconds of silence before the question; 0 asks never. */
  readonly interval: number;
  /** Milliseconds that the answer may take. */
  readonly timeout: number;
}

export interface KeepaliveSubject {
  /** Grows with every PDU that comes. */
  readonly heard: number;
  /** Asks; false when this initiator cannot be asked. */
  ping(): boolean;
}

export class Keepalive {
  readonly #subject: KeepaliveSubject;
  readonly #clock: Clock;
  readonly #options: KeepaliveOptions;
  readonly #onSilence: () => void;
  #heard: number;
  #asked = false;
  #timer: Timer | undefined;

  constructor(subject: KeepaliveSubject, clock: Clock, options: KeepaliveOptions, onSilence: () => void) {
    this.#subject = subject;
    this.#clock = clock;
    this.#options = options;
    this.#onSilence = onSilence;
    this.#heard = subject.heard;
    if (options.interval > 0) this.#watch();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  get isUnanswered(): boolean {
    return this.#asked && this.#subject.heard === this.#heard;
  }

  #watch(): void {
    this.#asked = false;
    this.#heard = this.#subject.heard;
    this.#timer = this.#clock.after(this.#options.interval, () => {
      this.#asked = this.#subject.heard === this.#heard && this.#subject.ping();
      if (!this.#asked) this.#watch();
      else this.#timer = this.#clock.after(this.#options.timeout, () => this.#judge());
    });
  }

  #judge(): void {
    if (this.#subject.heard === this.#heard) this.#onSilence();
    else this.#watch();
  }
}
