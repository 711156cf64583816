/** A session that is over, but for what a device still does for it: who may begin only after that waits here, for a limited time. */

import type { Clock } from '../os/clock.ts';

export interface DepartureWait {
  readonly clock: Clock;
  /** Milliseconds. */
  readonly timeout: number;
  /** Who waits is not there any more. */
  readonly signal: AbortSignal;
}

export class Departure {
  readonly #waiters = new Set<() => void>();

  /** `over` resolves when nothing of the session can change the medium any more. */
  constructor(over: Promise<void>) {
    void over.finally(() => {
      for (const resolve of this.#waiters) resolve();
    });
  }

  /** Resolves when it is over, or when waiting has no more sense: with which of them. Nothing of a wait is left behind. */
  async wait({ clock, timeout, signal }: DepartureWait): Promise<'over' | 'timeout' | 'aborted'> {
    if (signal.aborted) return 'aborted';
    const { promise, resolve } = Promise.withResolvers<'over' | 'timeout' | 'aborted'>();
    const over = (): void => resolve('over');
    const aborted = (): void => resolve('aborted');
    this.#waiters.add(over);
    signal.addEventListener('abort', aborted, { once: true });
    const timer = clock.after(timeout, () => resolve('timeout'));
    const result = await promise;
    timer.cancel();
    signal.removeEventListener('abort', aborted);
    this.#waiters.delete(over);
    return result;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiters.size;
  }
}
