/** How long others wait for a device that stalls: until then it may still change the medium, and after that they are told so. */

import type { Clock } from '../os/clock.ts';

/**
 * Milliseconds. Initiators wait longer than this for the answer of an abort (Linux: 15 s) and of a reset (30 s), and then give up the
 * whole session: an answer in time leaves them a choice.
 */
export const DEVICE_PATIENCE = 10_000;

/** Whether `work` is done in that time; it goes on in any case. */
export async function endsInTime(clock: Clock, work: Promise<unknown>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = clock.after(DEVICE_PATIENCE, () => resolve(false));
  try {
    return await Promise.race([work.then(() => true), promise]);
  } finally {
    timer.cancel();
  }
}
