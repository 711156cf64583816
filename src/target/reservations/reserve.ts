/** RESERVE, RELEASE, CLEAR, PREEMPT and PREEMPT AND ABORT (SPC-4). */

import { AdditionalSense } from '../../scsi/additional-sense.ts';
import { LU_SCOPE, reservationType } from '../../scsi/persistent-reservation.ts';
import type { ReserveOutRequest } from '../../scsi/persistent-reserve-out.ts';
import { SenseKey } from '../../scsi/sense.ts';
import { checkCondition, GOOD, invalidFieldInCdb, invalidFieldInParameterList } from '../outcome.ts';
import { attend, conflict, type Decision, unchanged } from './decision.ts';
import {
  isAllRegistrants,
  isHolder,
  isSharedByRegistrants,
  type NexusName,
  nextGeneration,
  type Registration,
  type Reservation,
  type ReservationState,
  registrationOf,
  reservationBy,
  sameNexus,
} from './state.ts';

type PreemptRequest = Extract<ReserveOutRequest, { action: 'preempt' }>;

/** SCOPE and TYPE share a byte of the CDB. */
const SCOPE_AND_TYPE = 2;

const invalidRelease = checkCondition(SenseKey.illegalRequest, AdditionalSense.invalidReleaseOfPersistentReservation);

/** The sender's registration if its key is the one it states: all operations of this file ask for that. */
export function provenRegistration(
  state: ReservationState,
  nexus: NexusName,
  reservationKey: bigint,
): Registration | undefined {
  const own = registrationOf(state, nexus);
  return own?.key === reservationKey ? own : undefined;
}

function othersThan(nexus: NexusName, registrations: readonly Registration[]): Registration[] {
  return registrations.filter((registration) => !sameNexus(registration.nexus, nexus));
}

export function reserve(state: ReservationState, nexus: NexusName, scope: number, typeField: number): Decision {
  const type = reservationType(typeField);
  if (scope !== LU_SCOPE || type === undefined) return unchanged(state, invalidFieldInCdb(SCOPE_AND_TYPE));
  if (state.reservation !== undefined) {
    // To reserve again what one holds is no error, to change it is.
    const same = isHolder(state, nexus) && state.reservation.type === type;
    return same ? unchanged(state, GOOD) : conflict(state);
  }
  const reserved = { ...state, reservation: reservationBy(nexus, type) };
  return { outcome: GOOD, state: reserved, attentions: [], abortTasksOf: [] };
}

export function release(state: ReservationState, nexus: NexusName, scope: number, type: number): Decision {
  const { reservation } = state;
  // A release by a registered nexus that holds nothing is GOOD and does nothing.
  if (reservation === undefined || !isHolder(state, nexus)) return unchanged(state, GOOD);
  if (scope !== LU_SCOPE || type !== reservation.type) return unchanged(state, invalidRelease);
  return {
    outcome: GOOD,
    state: { ...state, reservation: undefined },
    attentions: isSharedByRegistrants(reservation.type)
      ? attend(othersThan(nexus, state.registrations), AdditionalSense.reservationsReleased)
      : [],
    abortTasksOf: [],
  };
}

export function clear(state: ReservationState, nexus: NexusName): Decision {
  return {
    outcome: GOOD,
    state: { ...state, generation: nextGeneration(state), registrations: [], reservation: undefined },
    attentions: attend(othersThan(nexus, state.registrations), AdditionalSense.reservationsPreempted),
    abortTasksOf: [],
  };
}

export function preempt(state: ReservationState, nexus: NexusName, request: PreemptRequest): Decision {
  const { reservation } = state;
  const key = request.serviceActionReservationKey;
  const allRegistrants = reservation !== undefined && isAllRegistrants(reservation.type);
  if (key === 0n && !allRegistrants) return unchanged(state, invalidFieldInParameterList(8));
  if (reservation !== undefined && preemptsReservation(state, reservation, key)) {
    return preemptReservation(state, reservation, nexus, request);
  }
  return removeRegistrations(state, nexus, request);
}

/** The key of the holder, or 0 where all registrants hold it. */
function preemptsReservation(state: ReservationState, { holder }: Reservation, key: bigint): boolean {
  return holder === undefined ? key === 0n : registrationOf(state, holder)?.key === key;
}

/** The sender takes the reservation over, and those of that key lose their registrations. */
function preemptReservation(
  state: ReservationState,
  reservation: Reservation,
  nexus: NexusName,
  request: PreemptRequest,
): Decision {
  const type = reservationType(request.type);
  if (request.scope !== LU_SCOPE || type === undefined) return unchanged(state, invalidFieldInCdb(SCOPE_AND_TYPE));
  const others = othersThan(nexus, state.registrations);
  const removed = others.filter(
    ({ key }) => reservation.holder === undefined || key === request.serviceActionReservationKey,
  );
  const registrations = state.registrations.filter((registration) => !removed.includes(registration));
  // Those that stay registered learn that what they knew of the reservation has changed.
  const told = type === reservation.type ? [] : othersThan(nexus, registrations);
  return {
    outcome: GOOD,
    state: {
      ...state,
      generation: nextGeneration(state),
      registrations,
      reservation: reservationBy(nexus, type),
    },
    attentions: [
      ...attend(removed, AdditionalSense.registrationsPreempted),
      ...attend(told, AdditionalSense.reservationsReleased),
    ],
    abortTasksOf: request.abort ? removed.map((registration) => registration.nexus) : [],
  };
}

/** No reservation is meant: SCOPE and TYPE do not count, and the sender itself may be among those removed. */
function removeRegistrations(state: ReservationState, nexus: NexusName, request: PreemptRequest): Decision {
  const removed = state.registrations.filter(({ key }) => key === request.serviceActionReservationKey);
  if (removed.length === 0) return conflict(state);
  const registrations = state.registrations.filter((registration) => !removed.includes(registration));
  // An all registrants reservation ends with its last registrant; no other loses its holder here.
  const reservation = registrations.length === 0 ? undefined : state.reservation;
  const others = othersThan(nexus, removed);
  return {
    outcome: GOOD,
    state: { ...state, generation: nextGeneration(state), registrations, reservation },
    attentions: attend(others, AdditionalSense.registrationsPreempted),
    abortTasksOf: request.abort ? others.map((registration) => registration.nexus) : [],
  };
}
