/** The end of a hand-over: the last writes go to the target, which may not be there any more. */

import { DisklessError } from '../bytes/index.ts';
import type { LastingSession } from '../initiator/lasting-session.ts';
import type { Clock, Timer } from '../os/clock.ts';

/** Milliseconds that a target may stay away when the disk is given back: a person waits for it. */
export const AWAY_PATIENCE = 10_000;

/**
 * Waits for `end`, for as long as there is a session for it to write to: a target that is there may take its time. Raises what `end`
 * does, and BOOT_DISK_AWAY.
 */
export async function handBack(
  end: () => Promise<void>,
  session: Pick<LastingSession, 'current' | 'isReachable' | 'destroy'>,
  clock: Clock,
): Promise<void> {
  const watch = (): Timer =>
    clock.after(AWAY_PATIENCE, () => {
      if (session.current.isOpen) timer = watch();
      else session.destroy(away());
    });
  let timer = watch();
  try {
    await end();
  } catch (error) {
    throw session.isReachable ? error : away();
  } finally {
    timer.cancel();
  }
}

function away(): DisklessError {
  const what = 'the target was away when the disk was given back, and was not told to flush it';
  return new DisklessError('BOOT_DISK_AWAY', what, {
    hint: 'What was acknowledged and never flushed may be lost where the target lost power.',
  });
}
