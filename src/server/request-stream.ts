/**
 * The requests on one connection, each answered before the next one is taken. Who asks and does not read is neither answered nor read
 * from any more: a few bytes of a question can have an answer of megabytes, and thousands of questions come at once.
 */

import type { TcpConnection } from '../os/network.ts';

/** Cuts a stream into requests. */
export interface RequestReader<Request> {
  push(chunk: Uint8Array): void;
  /** Undefined until more is pushed. Raises when the place in the stream is lost. */
  next(): Request | undefined;
}

export interface RequestStreamOptions<Request> {
  readonly connection: TcpConnection;
  readonly reader: RequestReader<Request>;
  /** Gives what is to be sent. */
  readonly answer: (request: Request) => Promise<readonly Uint8Array[]> | readonly Uint8Array[];
  /** `reader` or `answer` has raised this: nothing is taken any more. */
  readonly onFault: (error: unknown) => void;
}

export class RequestStream<Request> {
  readonly #options: RequestStreamOptions<Request>;
  #isAnswering = false;
  /** What was sent has not been taken yet. */
  #isFull = false;
  #isOver = false;

  constructor(options: RequestStreamOptions<Request>) {
    this.#options = options;
  }

  receive(chunk: Uint8Array): void {
    if (this.#isOver) return;
    this.#options.reader.push(chunk);
    void this.#answerAll();
  }

  drained(): void {
    this.#isFull = false;
    void this.#answerAll();
  }

  /** Takes no more requests. */
  end(): void {
    this.#isOver = true;
  }

  async #answerAll(): Promise<void> {
    if (this.#isAnswering) return;
    const { connection, onFault } = this.#options;
    this.#isAnswering = true;
    connection.pause();
    try {
      while (!this.#isFull && !this.#isOver && (await this.#answerNext()));
    } catch (error) {
      this.#isOver = true;
      onFault(error);
    }
    this.#isAnswering = false;
    // Once it is over, the other end is still to be heard when it ends as well.
    if (!this.#isFull || this.#isOver) connection.resume();
  }

  /** False when there is none yet. */
  async #answerNext(): Promise<boolean> {
    const { connection, reader, answer } = this.#options;
    const request = reader.next();
    if (request === undefined) return false;
    const pdus = await answer(request);
    if (this.#isOver) return false;
    for (const pdu of pdus) if (!connection.write(pdu)) this.#isFull = true;
    return true;
  }
}
