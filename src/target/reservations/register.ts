/**
 * REGISTER, REGISTER AND IGNORE EXISTING KEY and REGISTER AND MOVE (SPC-4): who has which key, and the hand-over of
 * a reservation to another nexus.
 */

import { AdditionalSense } from '../../scsi/additional-sense.ts';
import type { ReserveOutRequest } from '../../scsi/persistent-reserve-out.ts';
import { SenseKey } from '../../scsi/sense.ts';
import type { TransportId } from '../../scsi/transport-id.ts';
import { checkCondition, GOOD, invalidFieldInCdb, invalidFieldInParameterList } from '../outcome.ts';
import { type Attention, attend, conflict, type Decision, unchanged } from './decision.ts';
import {
  isAllRegistrants,
  isHolder,
  isSharedByRegistrants,
  type NexusName,
  nextGeneration,
  type Registration,
  type ReservationState,
  registrationOf,
  sameNexus,
} from './state.ts';

/** Registrations that one unit keeps: a bound on memory, and on what READ FULL STATUS answers. */
export const MAXIMUM_REGISTRATIONS = 1024;

/** What registering needs to know of the target. */
export interface RegistrationPorts {
  /** Relative identifiers of all target ports of the unit. */
  readonly targetPorts: readonly number[];
  /** The initiator ports that have a session with the target: what a TransportID without ISID stands for. */
  readonly initiatorPorts: readonly { readonly initiatorName: string; readonly isid: string }[];
  /** Whether there is a store: without one, APTPL is refused. */
  readonly canPersist: boolean;
}

type RegisterRequest = Extract<ReserveOutRequest, { action: 'register' }>;
type MoveRequest = Extract<ReserveOutRequest, { action: 'registerAndMove' }>;

/** Where the fields are in the parameter lists. */
const Place = {
  serviceActionReservationKey: 8,
  moveFlags: 17,
  moveTargetPort: 18,
  flags: 20,
  transportIds: 28,
  moveTransportId: 24,
};

const outOfRegistrations = checkCondition(SenseKey.illegalRequest, AdditionalSense.insufficientRegistrationResources);

export function register(
  state: ReservationState,
  nexus: NexusName,
  request: RegisterRequest,
  ports: RegistrationPorts,
): Decision {
  const own = registrationOf(state, nexus);
  const key = request.serviceActionReservationKey;
  if (!request.ignoreExistingKey && request.reservationKey !== (own?.key ?? 0n)) return conflict(state);
  if (request.activatePersistThroughPowerLoss && !ports.canPersist) {
    return unchanged(state, invalidFieldInParameterList(Place.flags));
  }
  // Other ports can only be registered along with a nexus that is itself new.
  if (request.initiatorPorts !== undefined && (own !== undefined || key === 0n)) {
    return unchanged(state, invalidFieldInParameterList(Place.flags));
  }
  if (own === undefined && key === 0n) return unchanged(state, GOOD);
  const targetPorts = request.allTargetPorts ? ports.targetPorts : [nexus.relativeTargetPort];
  const senders = targetPorts.map((relativeTargetPort) => ({ ...nexus, relativeTargetPort }));
  const base = {
    ...state,
    generation: nextGeneration(state),
    persistsThroughPowerLoss: request.activatePersistThroughPowerLoss,
  };
  if (key === 0n) return unregister(state, base, senders, nexus);
  const named = specifiedNexuses(request.initiatorPorts ?? [], targetPorts, ports);
  const others = named.filter((other) => !senders.some((sender) => sameNexus(sender, other)));
  // One port that cannot be registered spoils the whole command.
  if (others.some((other) => registrationOf(state, other) !== undefined)) {
    return unchanged(state, invalidFieldInParameterList(Place.transportIds));
  }
  const registrations = withKeys(state.registrations, [...senders, ...others], key);
  if (registrations.length > MAXIMUM_REGISTRATIONS) return unchanged(state, outOfRegistrations);
  return { outcome: GOOD, state: { ...base, registrations }, attentions: [], abortTasksOf: [] };
}

/** What TransportIDs stand for, each nexus once. */
function specifiedNexuses(
  transportIds: readonly TransportId[],
  targetPorts: readonly number[],
  ports: RegistrationPorts,
): NexusName[] {
  const result: NexusName[] = [];
  for (const transportId of transportIds) {
    const { initiatorName, isid } = transportId;
    const known = ports.initiatorPorts.filter((port) => port.initiatorName === initiatorName);
    for (const port of isid === undefined ? known : [{ initiatorName, isid }]) {
      for (const relativeTargetPort of targetPorts) {
        const nexus = { initiatorName, isid: port.isid, relativeTargetPort };
        if (!result.some((other) => sameNexus(other, nexus))) result.push(nexus);
      }
    }
  }
  return result;
}

/** Gives `key` to every nexus: to its registration where it has one, else to a new one. */
function withKeys(registrations: readonly Registration[], nexuses: readonly NexusName[], key: bigint): Registration[] {
  const result = [...registrations];
  for (const nexus of nexuses) {
    const index = result.findIndex((registration) => sameNexus(registration.nexus, nexus));
    if (index < 0) result.push({ nexus, key });
    else result[index] = { nexus, key };
  }
  return result;
}

/** Takes registrations away, and with them the reservation that nobody holds any more. */
function unregister(
  before: ReservationState,
  base: ReservationState,
  leaving: readonly NexusName[],
  sender: NexusName,
): Decision {
  const registrations = before.registrations.filter(
    (registration) => !leaving.some((nexus) => sameNexus(nexus, registration.nexus)),
  );
  const { reservation } = before;
  const released = reservation !== undefined && !stillHeld(reservation.holder, registrations);
  const attentions: readonly Attention[] =
    released && isSharedByRegistrants(reservation.type)
      ? attend(registrations, AdditionalSense.reservationsReleased).filter((one) => !sameNexus(one.nexus, sender))
      : [];
  return {
    outcome: GOOD,
    state: { ...base, registrations, reservation: released ? undefined : reservation },
    attentions,
    abortTasksOf: [],
  };
}

/** An all registrants reservation is held as long as anybody is registered. */
function stillHeld(holder: NexusName | undefined, registrations: readonly Registration[]): boolean {
  if (holder === undefined) return registrations.length > 0;
  return registrations.some(({ nexus }) => sameNexus(nexus, holder));
}

export function registerAndMove(
  state: ReservationState,
  nexus: NexusName,
  request: MoveRequest,
  ports: RegistrationPorts,
): Decision {
  const own = registrationOf(state, nexus);
  if (own === undefined || own.key !== request.reservationKey) return conflict(state);
  const { reservation } = state;
  if (reservation === undefined) return unchanged(state, invalidFieldInCdb(1));
  if (!isHolder(state, nexus) || isAllRegistrants(reservation.type)) return conflict(state);
  const invalid = (byte: number): Decision => unchanged(state, invalidFieldInParameterList(byte));
  const key = request.serviceActionReservationKey;
  if (key === 0n) return invalid(Place.serviceActionReservationKey);
  if (request.activatePersistThroughPowerLoss && !ports.canPersist) return invalid(Place.moveFlags);
  if (!ports.targetPorts.includes(request.relativeTargetPort)) return invalid(Place.moveTargetPort);
  const { initiatorName, isid } = request.transportId;
  // The reservation can go to one port only, and not to where it is.
  if (isid === undefined) return invalid(Place.moveTransportId);
  const destination: NexusName = { initiatorName, isid, relativeTargetPort: request.relativeTargetPort };
  if (sameNexus(destination, nexus)) return invalid(Place.moveTransportId);
  const remaining = request.unregister
    ? state.registrations.filter((registration) => !sameNexus(registration.nexus, nexus))
    : state.registrations;
  const registrations = withKeys(remaining, [destination], key);
  if (registrations.length > MAXIMUM_REGISTRATIONS) return unchanged(state, outOfRegistrations);
  return {
    outcome: GOOD,
    state: {
      generation: nextGeneration(state),
      registrations,
      reservation: { type: reservation.type, holder: destination },
      persistsThroughPowerLoss: request.activatePersistThroughPowerLoss,
    },
    attentions: [],
    abortTasksOf: [],
  };
}
