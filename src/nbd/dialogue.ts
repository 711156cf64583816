/**
 * A negotiation as it is read: `const header = yield 16` waits for sixteen bytes. What drives it gives the bytes as they come, and
 * has the result at the end.
 */

import type { ByteQueue } from '../bytes/index.ts';

/** Yields how many bytes it wants next, and is given them in one buffer. */
export type Negotiation<Result> = Generator<number, Result, Uint8Array>;

export class Dialogue<Result> {
  readonly #negotiation: Negotiation<Result>;
  #step: IteratorResult<number, Result>;

  /** Runs as far as the first bytes that are wanted. */
  constructor(negotiation: Negotiation<Result>) {
    this.#negotiation = negotiation;
    this.#step = negotiation.next();
  }

  /** Takes from `bytes` what is wanted and there. The result, once there is one; then the rest is another's. Raises what the negotiation does. */
  receive(bytes: ByteQueue): Result | undefined {
    while (this.#step.done !== true) {
      if (bytes.length < this.#step.value) return undefined;
      this.#step = this.#negotiation.next(bytes.take(this.#step.value));
    }
    return this.#step.value;
  }
}
