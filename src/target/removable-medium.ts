/** The medium of a unit that initiators can eject, and the nexuses that forbid it (SBC-3). */

import { AdditionalSense, SenseKey } from '../scsi/index.ts';
import type { Nexus } from './nexus.ts';
import { checkCondition } from './outcome.ts';

export const MEDIUM_NOT_PRESENT = checkCondition(SenseKey.notReady, AdditionalSense.mediumNotPresent);
export const REMOVAL_PREVENTED = checkCondition(SenseKey.illegalRequest, AdditionalSense.mediumRemovalPrevented);

export class RemovableMedium {
  readonly #preventedBy = new Set<Nexus>();
  #present = true;

  get present(): boolean {
    return this.#present;
  }

  /** While one nexus prevents it, nobody can eject. */
  get removalPrevented(): boolean {
    return this.#preventedBy.size > 0;
  }

  isPreventedBy(nexus: Nexus): boolean {
    return this.#preventedBy.has(nexus);
  }

  prevent(nexus: Nexus): void {
    this.#preventedBy.add(nexus);
  }

  allow(nexus: Nexus): void {
    this.#preventedBy.delete(nexus);
  }

  /** A reset lifts what all nexuses have prevented. */
  allowAll(): void {
    this.#preventedBy.clear();
  }

  eject(): void {
    this.#present = false;
  }

  /** True when there was none before: nexuses must then be told. */
  load(): boolean {
    const loaded = !this.#present;
    this.#present = true;
    return loaded;
  }
}
