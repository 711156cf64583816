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
  /** Numbers that count as received although nothing of theirs is delivered. */
  readonly #skipped = new Set<number>();

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
    if (!this.#contains(cmdSN)) return 'ignored';
    if (cmdSN !== this.#expCmdSN) {
      if (this.#early.has(cmdSN) || this.#skipped.has(cmdSN)) return 'ignored';
      this.#early.set(cmdSN, item);
      return 'early';
    }
    this.#deliver();
    return 'due';
  }

  /** Whether a command of this number may come, or has come early. */
  #contains(cmdSN: number): boolean {
    return serialDistance(this.#expCmdSN, cmdSN) >= 0 && serialDistance(this.#maxCmdSN, cmdSN) <= 0;
  }

  /** What came early with this number. */
  early(cmdSN: number): T | undefined {
    return this.#early.get(cmdSN);
  }

  findEarly(fits: (item: T) => boolean): T | undefined {
    if (this.#early.size === 0) return undefined;
    return this.#early.values().find(fits);
  }

  /**
   * A number counts as received: what came early with it is not delivered, and neither is what still comes (RFC 7143 §11.6.1).
   * False outside the window. `nextEarly` may have something afterwards.
   */
  skip(cmdSN: number): boolean {
    if (!this.#contains(cmdSN)) return false;
    this.#early.delete(cmdSN);
    this.#skipped.add(cmdSN);
    this.#passSkipped();
    return true;
  }

  /** All numbers before `cmdSN` that nothing has come with count as received (RFC 7143 §4.2.3.3). None when it is beyond the window. */
  skipMissing(cmdSN: number): void {
    const count = serialDistance(this.#expCmdSN, cmdSN);
    if (count > serialDistance(this.#expCmdSN, this.#maxCmdSN) + 1) return;
    for (let index = 0; index < count; index++) {
      const missing = serialAdd(this.#expCmdSN, index);
      if (!this.#early.has(missing)) this.#skipped.add(missing);
    }
    this.#passSkipped();
  }

  #passSkipped(): void {
    while (this.#skipped.delete(this.#expCmdSN)) {
      this.#expCmdSN = serialAdd(this.#expCmdSN, 1);
      this.#maxCmdSN = serialAdd(this.#maxCmdSN, 1);
    }
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

  /** What has just been delivered is discarded: its number counts as never received, and may come again. */
  retract(cmdSN: number): void {
    this.#outstanding -= 1;
    while (this.#expCmdSN !== serialAdd(cmdSN, 1)) {
      this.#expCmdSN = serialAdd(this.#expCmdSN, -1);
      this.#maxCmdSN = serialAdd(this.#maxCmdSN, -1);
      this.#skipped.add(this.#expCmdSN);
    }
    this.#expCmdSN = cmdSN;
  }

  /** A delivered non-immediate command is over: there is room for one more. */
  release(): void {
    this.#outstanding -= 1;
    this.#maxCmdSN = serialAdd(this.#expCmdSN, this.#depth - 1 - this.#outstanding);
  }

  #deliver(): void {
    this.#expCmdSN = serialAdd(this.#expCmdSN, 1);
    this.#outstanding += 1;
    if (this.#skipped.size > 0) this.#passSkipped();
  }
}
