/**
 * CmdSN order and flow control of a session (RFC 7143 §4.2.2.1): which commands are due, which came early, which are none of ours;
 * and how many more the initiator may send.
 */

import { serialAdd, serialDistance } from '../bytes/index.ts';

/** `due`: deliver it now. `early`: kept until those before it have come. `ignored`: outside the window, or a duplicate. */
export type Arrival = 'due' | 'early' | 'ignored';

export class CommandWindow<T> {
  readonly #depth: number;
  #expCmdSN: number;
  #maxCmdSN: number;
  /** Commands that have been delivered and not answered. */
  #outstanding = 0;
  readonly #early = new Map<number, T>();

  /** `depth`: how many commands may be under way. */
  constructor(expCmdSN: number, depth: number) {
    this.#depth = depth;
    this.#expCmdSN = expCmdSN;
    this.#maxCmdSN = serialAdd(expCmdSN, depth - 1);
  }

  get expCmdSN(): number {
    return this.#expCmdSN;
  }

  /**
   * The last CmdSN that the initiator may use. It never falls: while a command is delivered, ExpCmdSN and the number outstanding
   * grow together.
   */
  get maxCmdSN(): number {
    return this.#maxCmdSN;
  }

  /** A non-immediate command has come; `item` is kept when it is early. */
  arrive(cmdSN: number, item: T): Arrival {
    const ahead = serialDistance(this.#expCmdSN, cmdSN);
    if (ahead < 0 || serialDistance(this.#maxCmdSN, cmdSN) > 0) return 'ignored';
    if (ahead > 0) {
      if (this.#early.has(cmdSN)) return 'ignored';
      this.#early.set(cmdSN, item);
      return 'early';
    }
    this.#deliver();
    return 'due';
  }

  /** The next command that came early and is now due. */
  nextEarly(): T | undefined {
    if (this.#early.size === 0) return undefined;
    const item = this.#early.get(this.#expCmdSN);
    if (item === undefined) return undefined;
    this.#early.delete(this.#expCmdSN);
    this.#deliver();
    return item;
  }

  /** Throws away what came early and fits: it counts as never received (RFC 7143 §11.14). */
  discardEarly(fits: (item: T) => boolean): void {
    for (const [cmdSN, item] of this.#early) if (fits(item)) this.#early.delete(cmdSN);
  }

  /** A delivered non-immediate command is over: there is room for one more. */
  release(): void {
    this.#outstanding -= 1;
    this.#maxCmdSN = serialAdd(this.#expCmdSN, this.#depth - 1 - this.#outstanding);
  }

  #deliver(): void {
    this.#expCmdSN = serialAdd(this.#expCmdSN, 1);
    this.#outstanding += 1;
  }
}
