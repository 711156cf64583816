/**
 * The numbered responses of a connection that the initiator has not acknowledged, by StatSN (RFC 7143 §4.2.2.2): a Status SNACK brings
 * them again.
 */

import { serialDistance, serialLessOrEqual } from '../bytes/index.ts';
import { RejectReason } from '../iscsi/pdu.ts';
import type { KeptPdu, SentPdu } from './kept-payload.ts';

/** How many are kept. What is older is given up. */
const LIMIT = 4096;

export class SentResponses {
  /** Oldest first. */
  readonly #byStatSN = new Map<number, KeptPdu>();
  #acknowledged: number | undefined;
  #givenUp: number | undefined;

  get(statSN: number): KeptPdu | undefined {
    return this.#byStatSN.get(statSN);
  }

  /** Gives the StatSN of the response that had to be given up for it; its PDU must be let go with `delete`. */
  add(statSN: number, pdu: KeptPdu): number | undefined {
    this.#byStatSN.set(statSN, pdu);
    if (this.#byStatSN.size <= LIMIT) return undefined;
    [this.#givenUp] = this.#byStatSN.keys();
    return this.#givenUp;
  }

  delete(statSN: number): void {
    this.#byStatSN.delete(statSN);
  }

  /** Calls `onKnown` with each that the initiator has: everything before `expStatSN`. */
  acknowledge(expStatSN: number, onKnown: (statSN: number) => void): void {
    if (expStatSN === this.#acknowledged) return;
    this.#acknowledged = expStatSN;
    for (const statSN of this.#byStatSN.keys()) {
      if (serialDistance(statSN, expStatSN) <= 0) return;
      onKnown(statSN);
    }
  }

  /** A run of them, 0 and 0 for all; or the reason to reject the SNACK with (RFC 7143 §11.16, §7.8). */
  run(begRun: number, runLength: number): readonly SentPdu[] | number {
    const isAll = begRun === 0 && runLength === 0;
    const run: SentPdu[] = [];
    for (const [statSN, { header, data }] of this.#byStatSN) {
      const distance = serialDistance(begRun, statSN);
      if (!isAll && (distance < 0 || (runLength > 0 && distance >= runLength))) continue;
      if (data === undefined) return RejectReason.snackReject;
      run.push({ header, data });
    }
    if (isAll || (run.length > 0 && run.length >= runLength)) return run;
    const isGivenUp = this.#givenUp !== undefined && serialLessOrEqual(begRun, this.#givenUp);
    return isGivenUp ? RejectReason.snackReject : RejectReason.protocolError;
  }
}
