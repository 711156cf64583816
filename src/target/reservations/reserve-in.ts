/** PERSISTENT RESERVE IN: what the state looks like to an initiator (SPC-4). */

import {
  encodeFullStatus,
  encodeKeys,
  encodeReservation,
  encodeReservationCapabilities,
  PersistentReserveInAction,
} from '../../scsi/persistent-reserve-in.ts';
import { isHolder, type ReservationState, registrationOf } from './state.ts';

/**
 * The whole answer, which the caller cuts to the allocation length; undefined for a service action that does not exist
 * (INVALID FIELD IN CDB). `canPersist`: whether there is a store that outlives power loss.
 */
export function answerReserveIn(
  state: ReservationState,
  serviceAction: number,
  canPersist: boolean,
): Uint8Array<ArrayBuffer> | undefined {
  const { generation, registrations, reservation } = state;
  switch (serviceAction) {
    case PersistentReserveInAction.readKeys:
      return encodeKeys(
        generation,
        registrations.map(({ key }) => key),
      );
    case PersistentReserveInAction.readReservation: {
      if (reservation === undefined) return encodeReservation(generation, undefined);
      const { holder, type } = reservation;
      const reservationKey = holder === undefined ? 0n : (registrationOf(state, holder)?.key ?? 0n);
      return encodeReservation(generation, { reservationKey, type });
    }
    case PersistentReserveInAction.reportCapabilities:
      return encodeReservationCapabilities({ capable: canPersist, activated: state.persistsThroughPowerLoss });
    case PersistentReserveInAction.readFullStatus:
      return encodeFullStatus(
        generation,
        registrations.map(({ nexus, key }) => ({
          reservationKey: key,
          holds: isHolder(state, nexus) ? reservation?.type : undefined,
          relativeTargetPort: nexus.relativeTargetPort,
          transportId: nexus,
        })),
      );
    default:
      return undefined;
  }
}
