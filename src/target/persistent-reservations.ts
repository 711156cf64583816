/**
 * The persistent reservations of one logical unit: the state, one operation after another, durable before it is answered where
 * initiators have asked for that (SPC-4).
 */

import { channel } from 'node:diagnostics_channel';
import { AdditionalSense } from '../scsi/additional-sense.ts';
import { PersistentReserveInCdb } from '../scsi/persistent-reserve-in.ts';
import { decodeReserveOut, type MalformedReserveOut, type ReserveOutRequest } from '../scsi/persistent-reserve-out.ts';
import type { ReservationAccess } from '../scsi/reservation-access.ts';
import { SenseKey } from '../scsi/sense.ts';
import {
  checkCondition,
  invalidFieldInCdb,
  invalidFieldInParameterList,
  type Outcome,
  PARAMETER_LIST_LENGTH_ERROR,
} from './outcome.ts';
import { mayAccess, reserve6Treatment } from './reservations/access.ts';
import type { Decision } from './reservations/decision.ts';
import { unchanged } from './reservations/decision.ts';
import type { RegistrationPorts } from './reservations/register.ts';
import { answerReserveIn } from './reservations/reserve-in.ts';
import { decideReserveOut } from './reservations/reserve-out.ts';
import { type NexusName, noReservations, type ReservationState } from './reservations/state.ts';
import { decodeReservations, encodeReservations, type ReservationStore } from './reservations/store.ts';

/** Told `{ error }` when a store has failed and the initiator has got a hardware error for it. */
const notSavedChannel = channel('diskless:target:reservations-not-saved');

/** What the unit knows of its target at the time of a command. */
export type PortsNow = () => Omit<RegistrationPorts, 'canPersist'>;

/** A unit's reservations as they were saved, and where the next state of them goes. */
export interface SavedReservations {
  readonly store: ReservationStore;
  readonly state: ReservationState;
}

/** Raises what the store and `decodeReservations` raise. */
export async function loadReservations(store: ReservationStore): Promise<SavedReservations> {
  const content = await store.load();
  return { store, state: content === undefined ? noReservations : decodeReservations(content) };
}

export class PersistentReservations {
  readonly #store: ReservationStore | undefined;
  readonly #ports: PortsNow;
  #state: ReservationState;
  /** The last operation that changes the state: the next one starts from what it has made. */
  #last: Promise<unknown> = Promise.resolve();

  /** Without a store nothing outlives the process, and APTPL is refused. */
  constructor(ports: PortsNow, saved?: SavedReservations) {
    this.#state = saved?.state ?? noReservations;
    this.#store = saved?.store;
    this.#ports = ports;
  }

  get state(): ReservationState {
    return this.#state;
  }

  /** For the hot path: false means that every command of every nexus may go on. */
  get reserved(): boolean {
    return this.#state.reservation !== undefined;
  }

  /** Initiators are registered, with nothing but this object to remember them. */
  get isInUse(): boolean {
    return this.#state.registrations.length > 0 && !this.#state.persistsThroughPowerLoss;
  }

  /** False: the command ends with RESERVATION CONFLICT. */
  mayAccess(nexus: NexusName, access: ReservationAccess, cdb: Uint8Array): boolean {
    return mayAccess(this.#state, nexus, access, cdb);
  }

  /** What RESERVE(6) and RELEASE(6) have to do beside persistent reservations. */
  reserve6Treatment(nexus: NexusName): ReturnType<typeof reserve6Treatment> {
    return reserve6Treatment(this.#state, nexus);
  }

  /** PERSISTENT RESERVE IN: the answer, to be cut to `allocationLength`; or how the command fails. */
  reserveIn(cdb: Uint8Array): { readonly data: Uint8Array; readonly allocationLength: number } | Outcome {
    const { serviceAction, allocationLength } = PersistentReserveInCdb.view(cdb);
    const data = answerReserveIn(this.#state, serviceAction, this.#store !== undefined);
    return data === undefined ? invalidFieldInCdb(1) : { data, allocationLength };
  }

  /**
   * PERSISTENT RESERVE OUT with its parameter list. When it is done the new state holds, and is durable if it has to be; the caller
   * then raises the attentions, ends the tasks, and answers. Never rejects: a store that fails leaves everything as it was.
   */
  reserveOut(nexus: NexusName, cdb: Uint8Array, list: Uint8Array): Promise<Decision> {
    const request = decodeReserveOut(cdb, list);
    const decision = this.#last.then(() =>
      'malformed' in request ? unchanged(this.#state, refusal(request)) : this.#apply(nexus, request),
    );
    this.#last = decision;
    return decision;
  }

  async #apply(nexus: NexusName, request: ReserveOutRequest): Promise<Decision> {
    const before = this.#state;
    const decision = decideReserveOut(before, nexus, request, {
      ...this.#ports(),
      canPersist: this.#store !== undefined,
    });
    const { state } = decision;
    if (state === before) return decision;
    // What was durable must also go durably when persistence is switched off.
    if (this.#store !== undefined && (state.persistsThroughPowerLoss || before.persistsThroughPowerLoss)) {
      try {
        await this.#store.save(encodeReservations(state));
      } catch (error) {
        notSavedChannel.publish({ error });
        return unchanged(before, notSaved);
      }
    }
    this.#state = state;
    return decision;
  }
}

const notSaved = checkCondition(SenseKey.hardwareError, AdditionalSense.internalTargetFailure);

function refusal(request: MalformedReserveOut): Outcome {
  switch (request.malformed) {
    case 'parameter list length':
      return PARAMETER_LIST_LENGTH_ERROR;
    case 'cdb':
      return invalidFieldInCdb(request.byte);
    case 'parameter list':
      return invalidFieldInParameterList(request.byte);
  }
}
