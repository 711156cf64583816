/**
 * StatSN as an initiator keeps it for one connection (RFC 7143 §4.2.2.2): what is missing, and what may be acknowledged. A status is not
 * acknowledged while data of its task is missing, for a SNACK must come before (§11.16.1).
 */

import { serialAdd, serialDistance, serialLess } from '../../../src/bytes/index.ts';

export class ReceivedStatuses {
  #next: number;
  /** Behind a gap. */
  readonly #early = new Set<number>();
  /** Of tasks whose data is not all there. */
  readonly #held = new Set<number>();

  constructor(next: number) {
    this.#next = next;
  }

  /** A status has come. False when it came before. */
  take(statSN: number): boolean {
    if (serialLess(statSN, this.#next) || this.#early.has(statSN)) return false;
    this.#early.add(statSN);
    while (this.#early.delete(this.#next)) this.#next = serialAdd(this.#next, 1);
    return true;
  }

  hold(statSN: number): void {
    this.#held.add(statSN);
  }

  release(statSN: number): void {
    this.#held.delete(statSN);
  }

  /** What may be acknowledged. */
  get expStatSN(): number {
    let least = this.#next;
    for (const statSN of this.#held) if (serialLess(statSN, least)) least = statSN;
    return least;
  }

  /** The first run that is missing before `statSN`. */
  missingBefore(statSN: number): { readonly begRun: number; readonly runLength: number } | undefined {
    if (!serialLess(this.#next, statSN)) return undefined;
    let runLength = serialDistance(this.#next, statSN);
    for (const early of this.#early) runLength = Math.min(runLength, serialDistance(this.#next, early));
    return { begRun: this.#next, runLength };
  }
}
