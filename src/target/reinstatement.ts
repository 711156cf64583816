/** A session in the place of those before it: between two ports there is one at a time (RFC 7143 §4.4.3, §6.3.5, §7.4.2.2). */

import { DisklessError } from '../bytes/index.ts';
import type { DeviceWait } from './device-work.ts';
import type { SessionReference } from './event.ts';
import type { LogicalUnit } from './logical-unit.ts';
import type { Target } from './target.ts';

/** What the new session finds. */
export interface Reinstated {
  readonly reinstates: boolean;
  /** Units in which the old session held something. */
  readonly held: ReadonlySet<LogicalUnit>;
}

/**
 * Milliseconds from a login to the end of what the old session still does to the medium. An initiator has given up its login by then,
 * and comes again.
 */
const TIMEOUT = 30_000;

/**
 * Ends what there is between an initiator port and a target, and calls `begin` as soon as nothing of it can change the medium any
 * more, not even a session that ended by itself. `begin` makes the new session at once: of several that wait, each finds the one
 * before it. Raises ISCSI_REINSTATEMENT_TIMEOUT when that takes too long; does nothing more when `signal` says that the new
 * connection is gone.
 */
export async function reinstate(
  target: Target,
  { initiatorName, isid }: Pick<SessionReference, 'initiatorName' | 'isid'>,
  { clock, signal }: Required<Omit<DeviceWait, 'timeout'>>,
  begin: (reinstated: Reinstated) => void,
): Promise<void> {
  const held = new Set<LogicalUnit>();
  const end = clock.monotonic() + TIMEOUT;
  let reinstates = target.discoverySessions.end({ initiatorName, isid });
  for (;;) {
    const old = target.findSession(initiatorName, isid);
    if (old !== undefined) {
      reinstates = true;
      for (const unit of target.units.values()) if (unit.isHeldBy(old)) held.add(unit);
      // From now on it is one of those that leave.
      void old.giveWay();
    }
    const leaving = target.findLeaving(initiatorName, isid);
    if (leaving === undefined) {
      begin({ reinstates, held });
      return;
    }
    const result = await leaving.wait({ clock, timeout: end - clock.monotonic(), signal });
    if (result === 'aborted') return;
    if (result === 'timeout') throw stuck(target, initiatorName);
  }
}

function stuck(target: Target, initiatorName: string): DisklessError {
  return new DisklessError(
    'ISCSI_REINSTATEMENT_TIMEOUT',
    `${initiatorName} has logged in to ${target.name}, but a device has been at work for its last session for ${TIMEOUT / 1000} s`,
    { hint: 'find out why the device of the target does not answer' },
  );
}
