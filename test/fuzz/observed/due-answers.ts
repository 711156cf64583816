/**
 * Which answers are due to one session, and on which of its connections. A request is due one answer where it went out; TASK REASSIGN
 * moves what is due (RFC 7143 §7.2.2). A CmdSN is delivered once: the same request sent again under it is due no second answer
 * (§7.2.1).
 *
 * What is certain is held against the target. Where one tag was used for several requests at a time, any of them may be the one that
 * was answered.
 */

import { serialLess } from '../../../src/bytes/index.ts';

interface Due {
  readonly connection: object;
  /** Undefined: it went out as an immediate one. */
  readonly cmdSN: number | undefined;
}

export class DueAnswers {
  readonly #byTag = new Map<number, Due[]>();
  /** CmdSNs whose one request has been answered for certain. */
  readonly #over = new Set<number>();

  asked(tag: number, connection: object, cmdSN: number | undefined): void {
    const due = this.#byTag.get(tag);
    if (due === undefined) this.#byTag.set(tag, [{ connection, cmdSN }]);
    else due.push({ connection, cmdSN });
  }

  isDue(tag: number, connection: object): boolean {
    return this.#candidates(tag, connection).length > 0;
  }

  /** An answer has come: false when none was due. What its ExpCmdSN says to be undelivered cannot be what it answers. */
  answered(tag: number, connection: object, expCmdSN: number): boolean {
    const candidates = this.#candidates(tag, connection).filter(
      ({ cmdSN }) => cmdSN === undefined || serialLess(cmdSN, expCmdSN),
    );
    const [first] = candidates;
    if (first === undefined) return false;
    const isCertain = candidates.every(({ cmdSN }) => cmdSN === first.cmdSN);
    if (isCertain && first.cmdSN !== undefined) this.#over.add(first.cmdSN);
    this.#remove(tag, candidates.find(({ cmdSN }) => cmdSN === undefined) ?? first);
    return true;
  }

  /** A PDU has come back in a Reject: its CmdSN counts as never received, and it may be sent again under it (RFC 7143 §7.3). */
  rejected(tag: number, connection: object, cmdSN: number | undefined): void {
    const due = this.#byTag.get(tag)?.find((other) => other.connection === connection && other.cmdSN === cmdSN);
    if (due !== undefined) this.#remove(tag, due);
  }

  /** A task has been taken over: its answer is due on `to`, even one that was given before, since it may have got lost. */
  reassigned(tag: number, to: object, isGone: (connection: object) => boolean): void {
    const left = (this.#byTag.get(tag) ?? []).filter(({ connection }) => !isGone(connection));
    this.#byTag.set(tag, [...left, { connection: to, cmdSN: undefined }]);
  }

  #candidates(tag: number, connection: object): Due[] {
    const due = this.#byTag.get(tag) ?? [];
    return due.filter((each) => each.connection === connection && !this.#isOver(each));
  }

  #isOver({ cmdSN }: Due): boolean {
    return cmdSN !== undefined && this.#over.has(cmdSN);
  }

  #remove(tag: number, due: Due): void {
    const left = (this.#byTag.get(tag) ?? []).filter((each) => each !== due && !this.#isOver(each));
    if (left.length === 0) this.#byTag.delete(tag);
    else this.#byTag.set(tag, left);
  }
}
