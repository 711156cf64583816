/** Says on a link, again and again, that addresses and boot parameters come from DHCPv6. */

import type { Clock, Timer } from '../os/clock.ts';

export interface RouterAdvertiserOptions {
  readonly clock: Clock;
  /** Sends the advertisement. */
  readonly send: () => void;
}

/**
 * Milliseconds: nobody's question is heard here, so what is said unasked must come soon. RFC 4861 §6.2.1 wants 4 seconds at least as the
 * longest pause.
 */
const PAUSE = 4000;

export class RouterAdvertiser implements Disposable {
  readonly #options: RouterAdvertiserOptions;
  #timer: Timer;

  constructor(options: RouterAdvertiserOptions) {
    this.#options = options;
    this.#timer = this.#say();
  }

  #say(): Timer {
    this.#options.send();
    return this.#options.clock.after(PAUSE, () => {
      this.#timer = this.#say();
    });
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
  }
}
