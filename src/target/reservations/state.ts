/**
 * The persistent reservation of one logical unit as a value: who is registered with which key, and what is reserved (SPC-4).
 * Operations make a new value of an old one; nothing here changes.
 */

import { ReservationType } from '../../scsi/persistent-reservation.ts';

/**
 * An I_T nexus by name. Registrations outlive sessions, so they belong to the name: initiator name, ISID (twelve hex digits) and
 * target port (RFC 7143 §4.4.3.1).
 */
export interface NexusName {
  readonly initiatorName: string;
  readonly isid: string;
  readonly relativeTargetPort: number;
}

export function sameNexus(left: NexusName, right: NexusName): boolean {
  return (
    left.isid === right.isid &&
    left.relativeTargetPort === right.relativeTargetPort &&
    left.initiatorName === right.initiatorName
  );
}

export interface Registration {
  readonly nexus: NexusName;
  /** 64 bits, never 0. */
  readonly key: bigint;
}

/** `holder` is undefined for the all registrants types: every registered nexus holds those. */
export interface Reservation {
  readonly type: ReservationType;
  readonly holder: NexusName | undefined;
}

export interface ReservationState {
  /** PRGENERATION: 32 bits that wrap. It starts at 0 with each power on, whatever persists. */
  readonly generation: number;
  /** In the order in which they were made. */
  readonly registrations: readonly Registration[];
  readonly reservation: Reservation | undefined;
  /** APTPL as the last registration left it. */
  readonly persistsThroughPowerLoss: boolean;
}

export const noReservations: ReservationState = {
  generation: 0,
  registrations: [],
  reservation: undefined,
  persistsThroughPowerLoss: false,
};

export function isAllRegistrants(type: ReservationType): boolean {
  return (
    type === ReservationType.writeExclusiveAllRegistrants || type === ReservationType.exclusiveAccessAllRegistrants
  );
}

/** Whether every registered nexus has the holder's access, be it a holder itself or not. */
export function isSharedByRegistrants(type: ReservationType): boolean {
  return type !== ReservationType.writeExclusive && type !== ReservationType.exclusiveAccess;
}

export function isWriteExclusive(type: ReservationType): boolean {
  return (
    type === ReservationType.writeExclusive ||
    type === ReservationType.writeExclusiveRegistrantsOnly ||
    type === ReservationType.writeExclusiveAllRegistrants
  );
}

export function registrationOf(state: ReservationState, nexus: NexusName): Registration | undefined {
  return state.registrations.find((registration) => sameNexus(registration.nexus, nexus));
}

export function isHolder(state: ReservationState, nexus: NexusName): boolean {
  const { reservation } = state;
  if (reservation === undefined) return false;
  if (reservation.holder !== undefined) return sameNexus(reservation.holder, nexus);
  return registrationOf(state, nexus) !== undefined;
}

/** The reservation that `nexus` gets when it reserves with `type`. */
export function reservationBy(nexus: NexusName, type: ReservationType): Reservation {
  return { type, holder: isAllRegistrants(type) ? undefined : nexus };
}

export function nextGeneration(state: ReservationState): number {
  return (state.generation + 1) >>> 0;
}
