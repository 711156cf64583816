/** The reservation of SPC-2 (RESERVE(6), RELEASE(6)): one nexus has the whole unit to itself. */

import { type CommandDescription, PreventAllowMediumRemovalCdb } from '../scsi/index.ts';
import type { Nexus } from './nexus.ts';
import type { Task } from './task.ts';

export class UnitReservation {
  /** Made anew by each RESERVE, also by one of the same nexus. */
  #held: { readonly by: Nexus } | undefined;

  /** Who has the unit. */
  get holder(): Nexus | undefined {
    return this.#held?.by;
  }

  /** Whether it keeps a nexus from a command. */
  refuses(nexus: Nexus, { whenReserved }: Pick<CommandDescription, 'whenReserved'>, asked: Pick<Task, 'cdb'>): boolean {
    if (this.#held === undefined) return false;
    if (whenReserved === 'conflict for everybody') return true;
    if (this.#held.by === nexus) return false;
    if (whenReserved === 'by prevent') return PreventAllowMediumRemovalCdb.view(asked.cdb).prevent !== 0;
    return whenReserved === 'conflict';
  }

  /** False when another nexus has it. */
  reserve(nexus: Nexus): boolean {
    if (this.#held !== undefined && this.#held.by !== nexus) return false;
    this.#held = { by: nexus };
    return true;
  }

  /** Does nothing to what another nexus has reserved. */
  release(nexus: Nexus): void {
    if (this.#held?.by === nexus) this.#held = undefined;
  }

  /** Gives what releases the reservation that there is now, and none that is made since. */
  prepareReset(): () => void {
    const held = this.#held;
    return () => {
      if (this.#held === held) this.#held = undefined;
    };
  }
}
