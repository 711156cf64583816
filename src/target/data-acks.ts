/** The DataACKs that a connection has asked for (RFC 7143 §11.7.2): which task the Target Transfer Tag of each stands for. */

/** So many are waited for at a time. More are not asked for, until some have come or their tasks are over. */
const LIMIT = 1024;

/** What a DataACK is about: a task, or one that is over, whose status may have been acknowledged by the very same PDU. */
export type DataAckSubject = { readonly initiatorTaskTag: number } | 'over';

export class DataAcks {
  /** Initiator Task Tags by Target Transfer Tag. */
  readonly #waiting = new Map<number, number>();
  readonly #ofTask = new Map<number, Set<number>>();
  /** Tags of tasks that are over, oldest first: as many as may be waited for. */
  readonly #over = new Set<number>();

  /** Waits for the DataACK of a task. False when too many are waited for. */
  ask(initiatorTaskTag: number, targetTransferTag: number): boolean {
    if (this.#waiting.size >= LIMIT) return false;
    this.#waiting.set(targetTransferTag, initiatorTaskTag);
    const ofTask = this.#ofTask.get(initiatorTaskTag);
    if (ofTask === undefined) this.#ofTask.set(initiatorTaskTag, new Set([targetTransferTag]));
    else ofTask.add(targetTransferTag);
    return true;
  }

  /** Undefined when it was not asked for, or has come before. */
  find(targetTransferTag: number): DataAckSubject | undefined {
    if (this.#over.has(targetTransferTag)) return 'over';
    const initiatorTaskTag = this.#waiting.get(targetTransferTag);
    return initiatorTaskTag === undefined ? undefined : { initiatorTaskTag };
  }

  /** It has come. */
  delete(targetTransferTag: number): void {
    this.#over.delete(targetTransferTag);
    const initiatorTaskTag = this.#waiting.get(targetTransferTag);
    this.#waiting.delete(targetTransferTag);
    if (initiatorTaskTag !== undefined) this.#ofTask.get(initiatorTaskTag)?.delete(targetTransferTag);
  }

  /** The task is over, or goes on elsewhere. */
  forget(initiatorTaskTag: number): void {
    for (const targetTransferTag of this.#ofTask.get(initiatorTaskTag) ?? []) {
      this.#waiting.delete(targetTransferTag);
      this.#over.add(targetTransferTag);
      const [oldest] = this.#over;
      if (this.#over.size > LIMIT && oldest !== undefined) this.#over.delete(oldest);
    }
    this.#ofTask.delete(initiatorTaskTag);
  }
}
