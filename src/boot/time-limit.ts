/** Work that may take only so long, whatever its peers do. */

import type { DisklessError } from '../bytes/index.ts';
import type { Clock } from '../os/clock.ts';

/**
 * Runs `work` and gives what it gives. When `limit` milliseconds have passed the work's own signal is aborted and this rejects with
 * `late`, even where the work does not heed its signal; when `signal` is aborted it rejects with that one's reason in the same way.
 */
export async function within<T>(
  clock: Clock,
  limit: number,
  signal: AbortSignal,
  late: () => DisklessError,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const control = new AbortController();
  const given = Promise.withResolvers<never>();
  const giveUp = (reason: unknown) => {
    control.abort(reason);
    given.reject(reason);
  };
  const heed = () => giveUp(signal.reason);
  const timer = clock.after(limit, () => giveUp(late()));
  signal.addEventListener('abort', heed, { once: true });
  // Nobody may be waiting for it.
  given.promise.catch(() => {});
  try {
    if (signal.aborted) heed();
    return await Promise.race([given.promise, work(control.signal)]);
  } catch (error) {
    throw control.signal.aborted ? control.signal.reason : error;
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', heed);
  }
}

/** What is given up because `signal` says so fails with the signal's own reason. */
export async function heeding<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
}
