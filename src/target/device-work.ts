/**
 * What a device is still at work on, for a session, a connection or a task that is over: until it is done it may change the medium,
 * and who relies on that it does not waits here, for a limited time.
 */

import type { Clock } from '../os/clock.ts';

/**
 * Milliseconds. Initiators wait longer than this for the answer of an abort (Linux: 15 s) and of a reset (30 s), and then give up the
 * whole session: an answer in time leaves them a choice.
 */
export const DEVICE_PATIENCE = 10_000;

export interface DeviceWait {
  readonly clock: Clock;
  /** Milliseconds; default `DEVICE_PATIENCE`. */
  readonly timeout?: number;
  /** Who waits is not there any more; default: it always is. */
  readonly signal?: AbortSignal;
}

export class DeviceWork {
  readonly #waiters = new Set<() => void>();

  /** `over` resolves when nothing of it can change the medium any more. */
  constructor(over: Promise<unknown>) {
    void over.finally(() => {
      for (const resolve of this.#waiters) resolve();
    });
  }

  /** Resolves when it is over, or when waiting has no more sense: with which of them. Nothing of a wait is left behind. */
  async wait({ clock, timeout = DEVICE_PATIENCE, signal }: DeviceWait): Promise<'over' | 'timeout' | 'aborted'> {
    if (signal?.aborted === true) return 'aborted';
    const { promise, resolve } = Promise.withResolvers<'over' | 'timeout' | 'aborted'>();
    const over = (): void => resolve('over');
    const aborted = (): void => resolve('aborted');
    this.#waiters.add(over);
    signal?.addEventListener('abort', aborted, { once: true });
    const timer = clock.after(timeout, () => resolve('timeout'));
    const result = await promise;
    timer.cancel();
    signal?.removeEventListener('abort', aborted);
    this.#waiters.delete(over);
    return result;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiters.size;
  }
}

/** Whether `over` resolves within `DEVICE_PATIENCE`; what it stands for goes on in any case. */
export async function endsInTime(clock: Clock, over: Promise<unknown>): Promise<boolean> {
  return (await new DeviceWork(over).wait({ clock })) === 'over';
}
