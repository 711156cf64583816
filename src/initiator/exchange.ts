/** A request that is no SCSI command, and whoever waits for its answer: NOP-Out, text, task management, logout. */

import type { Pdu } from '../iscsi/pdu-reader.ts';

export class Exchange {
  readonly kind = 'exchange';
  /** What it is, for messages: `a logout`. */
  readonly title: string;
  readonly initiatorTaskTag: number;
  readonly deadline: number;
  readonly #resolve: (pdu: Pdu) => void;
  readonly #reject: (error: Error) => void;

  constructor(
    title: string,
    initiatorTaskTag: number,
    deadline: number,
    resolve: (pdu: Pdu) => void,
    reject: (error: Error) => void,
  ) {
    this.title = title;
    this.initiatorTaskTag = initiatorTaskTag;
    this.deadline = deadline;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  complete(pdu: Pdu): void {
    this.#resolve(pdu);
  }

  fail(error: Error): void {
    this.#reject(error);
  }
}
