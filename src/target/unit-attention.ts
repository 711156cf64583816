/**
 * Unit attention conditions: what a nexus must be told before its next command runs (SAM-5).
 *
 * A new session finds none. The standard would let a target raise POWER ON at each first login and I_T NEXUS LOSS at each
 * reinstatement, and some do; firmware that gives up at the first CHECK CONDITION exists, though, and has lost nothing. So resets
 * are raised for everybody, and the loss of a nexus for who held something in it: a reservation, or the medium.
 */

import { AdditionalSense, type Sense } from '../scsi/index.ts';
import type { Nexus } from './nexus.ts';

const { powerOnResetOrBusDeviceResetOccurred } = AdditionalSense;

/** More than this for one nexus are not kept: the first ones matter. */
const LIMIT = 8;

/** Of these events a nexus is told before all others, and before a reservation conflict (SAM-5, status precedence). */
export function isOfReset({ code }: Sense): boolean {
  return code >>> 8 === powerOnResetOrBusDeviceResetOccurred >>> 8;
}

export class UnitAttentions {
  readonly #pending = new Map<Nexus, Sense[]>();

  get any(): boolean {
    return this.#pending.size > 0;
  }

  /** The same condition is told once, however often it arose. */
  add(nexus: Nexus, sense: Sense): void {
    const conditions = this.#pending.get(nexus) ?? [];
    if (conditions.some(({ code }) => code === sense.code)) return;
    const place = isOfReset(sense) ? conditions.filter(isOfReset).length : conditions.length;
    this.#pending.set(nexus, conditions.toSpliced(place, 0, sense).slice(0, LIMIT));
  }

  /** The conditions of a nexus that it has not been told: those of resets first, then the others, oldest first. */
  pending(nexus: Nexus): readonly Sense[] {
    return this.#pending.get(nexus) ?? [];
  }

  /** The first of them, which is thereby told. */
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
