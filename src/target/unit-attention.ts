/**
 * Unit attention conditions: what a nexus must be told before its next command runs (SAM-5).
 *
 * A new session finds none. The standard would let a target raise POWER ON at each first login and I_T NEXUS LOSS at each
 * reinstatement, and some do; firmware that gives up at the first CHECK CONDITION exists, though, and has lost nothing. So resets
 * are raised for everybody, and the loss of a nexus for who held something in it: a reservation, or the medium.
 */

import type { Sense } from '../scsi/index.ts';
import type { Nexus } from './nexus.ts';

/** More than this for one nexus are not kept: the first ones matter. */
const LIMIT = 8;

export class UnitAttentions {
  readonly #pending = new Map<Nexus, Sense[]>();

  get any(): boolean {
    return this.#pending.size > 0;
  }

  /** The same condition is told once, however often it arose. */
  add(nexus: Nexus, sense: Sense): void {
    const conditions = this.#pending.get(nexus) ?? [];
    if (conditions.length >= LIMIT || conditions.some(({ code }) => code === sense.code)) return;
    this.#pending.set(nexus, [...conditions, sense]);
  }

  /** The conditions of a nexus that it has not been told, oldest first. */
  pending(nexus: Nexus): readonly Sense[] {
    return this.#pending.get(nexus) ?? [];
  }

  /** The oldest condition of a nexus, which is thereby told. */
  take(nexus: Nexus): Sense | undefined {
    const [first, ...rest] = this.#pending.get(nexus) ?? [];
    if (rest.length > 0) this.#pending.set(nexus, rest);
    else this.#pending.delete(nexus);
    return first;
  }

  forget(nexus: Nexus): void {
    this.#pending.delete(nexus);
  }
}
