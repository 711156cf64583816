/** The medium of a unit that initiators can eject, and the nexuses that forbid it (SBC-3). */

import { AdditionalSense, SenseKey } from '../scsi/index.ts';
import type { Nexus } from './nexus.ts';
import { checkCondition } from './outcome.ts';

export const MEDIUM_NOT_PRESENT = checkCondition(SenseKey.notReady, AdditionalSense.mediumNotPresent);
export const REMOVAL_PREVENTED = checkCondition(SenseKey.illegalRequest, AdditionalSense.mediumRemovalPrevented);

export class RemovableMedium {
  /** Each with what its last PREVENT is known by. */
  readonly #preventedBy = new Map<Nexus, symbol>();
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
    this.#preventedBy.set(nexus, Symbol());
  }

  allow(nexus: Nexus): void {
    this.#preventedBy.delete(nexus);
  }

  /** Gives what lifts all that nexuses prevent now, and nothing that they prevent anew since. */
  prepareReset(): () => void {
    const preventions = [...this.#preventedBy];
    return () => {
      for (const [nexus, prevention] of preventions) {
        if (this.#preventedBy.get(nexus) === prevention) this.#preventedBy.delete(nexus);
      }
    };
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
