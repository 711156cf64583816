/**
 * StatSN of one connection: each status advances it by one, and nothing is left out (RFC 7143 §4.2.2.2). What came before comes again
 * only when a SNACK has asked for it, once for each (§11.16).
 */

import { readU32, serialAdd, serialLess } from '../../../src/bytes/index.ts';
import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import { BasicHeader, DataIn } from '../../../src/iscsi/pdu.ts';

/** `unnumbered`: it carries the next StatSN, or none. */
export type StatusArrival = 'new' | 'again' | 'unnumbered';

interface Given {
  readonly tag: number;
  readonly opcode: number;
  repeats: number;
}

const STAT_SN = 24;

export class StatusNumbers {
  readonly #onViolation: (what: string) => void;
  readonly #given = new Map<number, Given>();
  /** How many SNACK Requests were sent. */
  readonly #snacks: () => number;
  #next: number | undefined;

  constructor(snacks: () => number, onViolation: (what: string) => void) {
    this.#snacks = snacks;
    this.#onViolation = onViolation;
  }

  /** Of the next response; undefined before the first. */
  get next(): number | undefined {
    return this.#next;
  }

  take(header: Uint8Array): StatusArrival {
    const { opcode, initiatorTaskTag: tag } = BasicHeader.view(header);
    if (opcode === Opcode.dataIn && !DataIn.view(header).hasStatus) return 'unnumbered';
    const statSN = readU32(header, STAT_SN);
    const next = this.#next ?? statSN;
    const announces = opcode === Opcode.readyToTransfer || (opcode === Opcode.nopIn && tag === RESERVED_TAG);
    if (serialLess(statSN, next) && !announces) return this.#again(statSN, tag, opcode);
    if (statSN !== next) this.#onViolation(`StatSN ${statSN} where ${next} was due`);
    if (announces) return 'unnumbered';
    this.#given.set(statSN, { tag, opcode, repeats: 0 });
    this.#next = serialAdd(statSN, 1);
    return 'new';
  }

  #again(statSN: number, tag: number, opcode: number): StatusArrival {
    const given = this.#given.get(statSN);
    if (given === undefined) {
      this.#onViolation(`StatSN ${statSN}, which was never given`);
      return 'again';
    }
    given.repeats += 1;
    // An R-Data SNACK makes a SCSI Response of a status that came with its data.
    const isSame = given.opcode === opcode || (given.opcode === Opcode.dataIn && opcode === Opcode.scsiResponse);
    if (given.tag !== tag || !isSame) this.#onViolation(`StatSN ${statSN} again, with another answer`);
    if (given.repeats > this.#snacks()) this.#onViolation(`StatSN ${statSN} again, which no SNACK asked for`);
    return 'again';
  }
}
