/** Requests that are no SCSI commands, sent as immediate ones, which no window holds back; and texts, one at a time. */

import type { Pdu } from '../iscsi/pdu-reader.ts';
import type { Clock } from '../os/clock.ts';
import { Exchange } from './exchange.ts';
import type { Outstanding } from './outstanding.ts';
import type { Sender } from './sender.ts';
import { exchangeText } from './text-exchange.ts';

export interface ExchangesOptions {
  readonly outstanding: Outstanding;
  readonly sender: Sender;
  readonly clock: Clock;
  /** Milliseconds that an answer may take. */
  readonly timeout: number;
  /** Somebody has to look at the clock then. */
  readonly watch: (at: number) => void;
}

/** One request. */
export interface Question {
  /** What it is, for messages: `a logout`. */
  readonly title: string;
  readonly fill: (header: Uint8Array) => void;
  readonly data?: readonly Uint8Array[];
  /** A new one when not given. */
  readonly initiatorTaskTag?: number;
  /** Milliseconds, where it differs from all others. */
  readonly timeout?: number;
}

export class Exchanges {
  readonly #options: ExchangesOptions;
  /** Settles when the text before the next one has been answered: there is one at a time (RFC 7143 §11.10). */
  #lastText: Promise<unknown> = Promise.resolve();
  #texts = 0;
  #over: Error | undefined;

  constructor(options: ExchangesOptions) {
    this.#options = options;
  }

  /** Sends a request and resolves with its answer. Rejects with what ends the session. */
  ask({ title, fill, data, initiatorTaskTag, timeout }: Question): Promise<Pdu> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    const { outstanding, sender, clock, watch } = this.#options;
    const tag = initiatorTaskTag ?? outstanding.newTag();
    const deadline = clock.monotonic() + (timeout ?? this.#options.timeout);
    const { promise, resolve, reject } = Promise.withResolvers<Pdu>();
    outstanding.add(new Exchange(title, tag, deadline, resolve, reject));
    sender.immediate(tag, fill, data);
    watch(deadline);
    return promise;
  }

  /** Likewise, and nothing is asked afterwards: it rejects with `refusal` (RFC 7143 §11.14). */
  askLast(question: Question, refusal: Error): Promise<Pdu> {
    const answer = this.ask(question);
    this.stop(refusal);
    return answer;
  }

  /** Whether nothing more may be asked. */
  get isOver(): boolean {
    return this.#over !== undefined;
  }

  /** Whether a text is under way, or waits to be. */
  get hasText(): boolean {
    return this.#texts > 0;
  }

  /** Sends one text (`key=value` pairs, each ended by NUL) and gathers the whole answer, which may take several PDUs. */
  async text(text: Uint8Array): Promise<Uint8Array> {
    const before = this.#lastText;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#lastText = promise;
    this.#texts += 1;
    try {
      await before;
      const initiatorTaskTag = this.#options.outstanding.newTag();
      const ask = (fill: (header: Uint8Array) => void, data: readonly Uint8Array[]): Promise<Pdu> =>
        this.ask({ title: 'a text request', fill, data, initiatorTaskTag });
      return await exchangeText(ask, text);
    } finally {
      this.#texts -= 1;
      resolve();
    }
  }

  /** The session is over, or all but the answer to its logout. */
  stop(reason: Error): void {
    this.#over = reason;
  }
}
