/** Who may run what while a unit is reserved persistently (SPC-4 and SBC-3, their tables of commands). */

import { type ReservationAccess, settledReservationAccess } from '../../scsi/reservation-access.ts';
import {
  isHolder,
  isSharedByRegistrants,
  isWriteExclusive,
  type NexusName,
  type ReservationState,
  registrationOf,
} from './state.ts';

/** Whether the reservation lets a command of `access` through; otherwise it ends with RESERVATION CONFLICT. */
export function mayAccess(
  state: ReservationState,
  nexus: NexusName,
  access: ReservationAccess,
  cdb: Uint8Array,
): boolean {
  const { reservation } = state;
  if (reservation === undefined || isHolder(state, nexus)) return true;
  if (isSharedByRegistrants(reservation.type) && registrationOf(state, nexus) !== undefined) return true;
  const settled = settledReservationAccess(access, cdb);
  return settled === 'always' || (settled === 'unless exclusive' && isWriteExclusive(reservation.type));
}

/**
 * What becomes of a RESERVE(6) or RELEASE(6) (which CRH in REPORT CAPABILITIES promises). `process`: as SPC-2 says.
 * `nothing`: GOOD, with no effect, since the sender has its access already. `conflict`: somebody is registered.
 */
export function reserve6Treatment(state: ReservationState, nexus: NexusName): 'process' | 'nothing' | 'conflict' {
  if (isHolder(state, nexus)) return 'nothing';
  const { reservation } = state;
  const shared = reservation !== undefined && isSharedByRegistrants(reservation.type);
  if (shared && registrationOf(state, nexus) !== undefined) return 'nothing';
  return state.registrations.length > 0 ? 'conflict' : 'process';
}
