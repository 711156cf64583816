/** What a logical unit has beyond its device: choices of whoever serves it. */

import type { Clock } from '../os/clock.ts';
import { IdentifyingInformation, type InformationStore } from './identifying-information.ts';
import { loadReservations, type SavedReservations } from './persistent-reservations.ts';
import type { ReservationStore } from './reservations/store.ts';
import type { SanitizePace } from './sanitize.ts';

export interface UnitFeatures {
  /** A medium that initiators can eject and load again (RMB). Default false. */
  readonly removable?: boolean;
  /** Blocks can be given back, if the device can do that. Default true. */
  readonly thin?: boolean;
  /** CDBs may ask for DPO and FUA; where not, those that do are refused. Default true. */
  readonly dpoFua?: boolean;
  /** Where persistent reservations outlive the process. Without it, they do not, and APTPL is refused. */
  readonly savedReservations?: SavedReservations;
  /** The unit's labels, if they are kept. */
  readonly information?: IdentifyingInformation;
  /** How fast SANITIZE may work. Default: as fast as the device, between other tasks. */
  readonly sanitizePace?: SanitizePace;
  /** For TIMESTAMP. Default: the system's. */
  readonly clock?: Clock;
}

/** Where what initiators leave at a unit outlives the process. */
export interface UnitStores {
  readonly reservations: ReservationStore;
  readonly information: InformationStore;
}

/** Raises RESERVATIONS_DAMAGED, RESERVATIONS_VERSION, INFORMATION_DAMAGED, and what the stores raise. */
export async function loadFeatures({
  reservations,
  information,
}: UnitStores): Promise<Pick<UnitFeatures, 'savedReservations' | 'information'>> {
  return {
    savedReservations: await loadReservations(reservations),
    information: await IdentifyingInformation.open(information),
  };
}
