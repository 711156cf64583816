/** What keeps a nexus from a command at a unit before anything of the command has been looked at (SAM-5, status precedence). */

import type { DispatchEntry } from './commands/index.ts';
import type { LogicalUnit } from './logical-unit.ts';
import type { Nexus } from './nexus.ts';
import { checkCondition, type Outcome, RESERVATION_CONFLICT } from './outcome.ts';
import { MEDIUM_NOT_PRESENT } from './removable-medium.ts';
import type { Task } from './task.ts';
import { isOfReset } from './unit-attention.ts';

/** The command that a nexus asks for. */
type Asked = Pick<Task, 'cdb'>;

/**
 * What a nexus gets in the place of its command while it has unit attentions. That of a reset comes before everything, a
 * reservation conflict before the others. `entry` is undefined for a command that does not exist.
 */
export function attentionOf(
  unit: LogicalUnit,
  nexus: Nexus,
  entry: DispatchEntry | undefined,
  asked: Asked,
): Outcome | undefined {
  if (entry?.ignoresUnitAttention === true) return undefined;
  const [next] = unit.unitAttentions.pending(nexus);
  if (next === undefined) return undefined;
  if (entry !== undefined && !isOfReset(next) && isKeptOut(unit, nexus, entry, asked)) return RESERVATION_CONFLICT;
  unit.unitAttentions.take(nexus);
  return { ...checkCondition(next.key, next.code), isFenced: true };
}

/** Reservations of others, a SANITIZE, or that there is no medium. */
export function refusalOf(unit: LogicalUnit, nexus: Nexus, entry: DispatchEntry, asked: Asked): Outcome | undefined {
  if (isKeptOut(unit, nexus, entry, asked)) return RESERVATION_CONFLICT;
  if (unit.sanitizer.busy) {
    const refusal = unit.sanitizer.refusal(entry.name);
    if (refusal !== undefined) return refusal;
  }
  return entry.needsMedium && !unit.medium.present ? MEDIUM_NOT_PRESENT : undefined;
}

/** By a reservation of either kind. */
function isKeptOut(unit: LogicalUnit, nexus: Nexus, entry: DispatchEntry, asked: Asked): boolean {
  if (unit.reservation.refuses(nexus, entry, asked)) return true;
  const { reservations } = unit;
  return reservations.reserved && !reservations.mayAccess(unit.nameOf(nexus), entry.access, asked.cdb);
}
