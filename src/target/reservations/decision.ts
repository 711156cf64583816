/** What an operation on persistent reservations comes to: its answer, the new state, and what others must be told. */

import { type Outcome, RESERVATION_CONFLICT } from '../outcome.ts';
import type { NexusName, Registration, ReservationState } from './state.ts';

/** A unit attention to raise for a nexus, if it has a session. `code` is its additional sense code. */
export interface Attention {
  readonly nexus: NexusName;
  readonly code: number;
}

export interface Decision {
  readonly outcome: Outcome;
  /** The very same value when nothing has changed. */
  readonly state: ReservationState;
  readonly attentions: readonly Attention[];
  /** PREEMPT AND ABORT: nexuses whose tasks end before the answer goes out. */
  readonly abortTasksOf: readonly NexusName[];
}

export function unchanged(state: ReservationState, outcome: Outcome): Decision {
  return { outcome, state, attentions: [], abortTasksOf: [] };
}

export function conflict(state: ReservationState): Decision {
  return unchanged(state, RESERVATION_CONFLICT);
}

/** One attention for the nexus of each registration. */
export function attend(registrations: readonly Registration[], code: number): Attention[] {
  return registrations.map(({ nexus }) => ({ nexus, code }));
}
