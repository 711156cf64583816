/**
 * Immediate requests that are about all commands before them, while another connection has not brought those yet (RFC 7143 §4.2.3.3
 * b): they wait, but not for ever.
 */

import type { Awaitable } from '../block/device.ts';
import { serialLess } from '../bytes/index.ts';
import type { Clock } from '../os/clock.ts';
import type { CommandWindow } from './command-window.ts';

/** Milliseconds that a request waits. */
const ORDER_TIMEOUT = 10_000;

interface Waiting {
  readonly cmdSN: number;
  readonly resolve: (arrived: boolean) => void;
}

export class EarlierCommands {
  readonly #window: Pick<CommandWindow<unknown>, 'expCmdSN'>;
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting>();

  constructor(window: Pick<CommandWindow<unknown>, 'expCmdSN'>, clock: Clock) {
    this.#window = window;
    this.#clock = clock;
  }

  /** True when all commands before `cmdSN` have come: at once, or later; false when they do not come. */
  arrived(cmdSN: number): Awaitable<boolean> {
    return serialLess(this.#window.expCmdSN, cmdSN) ? this.#wait(cmdSN) : true;
  }

  async #wait(cmdSN: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const waiting = { cmdSN, resolve };
    this.#waiting.add(waiting);
    const timer = this.#clock.after(ORDER_TIMEOUT, () => resolve(false));
    const arrived = await promise;
    timer.cancel();
    this.#waiting.delete(waiting);
    return arrived;
  }

  /** ExpCmdSN has moved on. */
  advanced(): void {
    for (const { cmdSN, resolve } of this.#waiting) if (!serialLess(this.#window.expCmdSN, cmdSN)) resolve(true);
  }

  /** The session is over. */
  stop(): void {
    for (const { resolve } of this.#waiting) resolve(false);
  }
}
