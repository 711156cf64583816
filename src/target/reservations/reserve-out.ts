/** PERSISTENT RESERVE OUT: finds the operation (SPC-4). */

import type { ReserveOutRequest } from '../../scsi/persistent-reserve-out.ts';
import { conflict, type Decision } from './decision.ts';
import { type RegistrationPorts, register, registerAndMove } from './register.ts';
import { clear, preempt, provenRegistration, release, reserve } from './reserve.ts';
import type { NexusName, ReservationState } from './state.ts';

/** What `request` by `nexus` makes of `state`. */
export function decideReserveOut(
  state: ReservationState,
  nexus: NexusName,
  request: ReserveOutRequest,
  ports: RegistrationPorts,
): Decision {
  if (request.action === 'register') return register(state, nexus, request, ports);
  if (provenRegistration(state, nexus, request.reservationKey) === undefined) return conflict(state);
  switch (request.action) {
    case 'reserve':
      return reserve(state, nexus, request.scope, request.type);
    case 'release':
      return release(state, nexus, request.scope, request.type);
    case 'clear':
      return clear(state, nexus);
    case 'preempt':
      return preempt(state, nexus, request);
    case 'registerAndMove':
      return registerAndMove(state, nexus, request, ports);
  }
}
