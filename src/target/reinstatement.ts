/** A session in the place of those before it: between two ports there is one at a time (RFC 7143 §4.4.3, §6.3.5, §7.4.2.2). */

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
 * Ends what there is between an initiator port and a target, and calls `begin` as soon as nothing of it can change the medium any
 * more, not even a session that ended by itself. `begin` makes the new session at once: of several that wait, each finds the one
 * before it.
 */
export async function reinstate<T>(
  target: Target,
  { initiatorName, isid }: Pick<SessionReference, 'initiatorName' | 'isid'>,
  begin: (reinstated: Reinstated) => T,
): Promise<T> {
  const held = new Set<LogicalUnit>();
  let reinstates = target.discoverySessions.end({ initiatorName, isid });
  for (;;) {
    const old = target.findSession(initiatorName, isid);
    if (old === undefined) {
      const leaving = target.findLeaving(initiatorName, isid);
      if (leaving === undefined) return begin({ reinstates, held });
      await leaving;
    } else {
      reinstates = true;
      for (const unit of target.units.values()) if (unit.isHeldBy(old)) held.add(unit);
      await old.giveWay();
    }
  }
}
