/**
 * Looks at the sockets without sleeping for a moment after something has come. Who asks one thing at a time asks again as soon as it
 * has its answer; a processor that has gone to sleep meanwhile needs longer to wake up than a READ takes. Only a conversation that
 * is as quick as that is waited for: whoever pauses once is not, until two things come close together again. So an idle process
 * sleeps, and one that polls in vain loses one window and no more. Nor is one that has asked for more before it had its answers:
 * looked at all the time, what it asks would be answered bit by bit, where it comes and is answered by the dozen after a short sleep.
 */

import { availableParallelism } from 'node:os';
import { type Clock, systemClock } from './clock.ts';

/** Milliseconds: longer than both ends of a local network need between an answer and the next question, shorter than anybody notices. */
export const WINDOW = 0.1;

export class BusyPolling {
  readonly #clock: Clock;
  /** Until the conversation pauses. */
  #isPolling = false;
  /** Something has come since the last look. */
  #hasReceived = false;
  #isScheduled = false;
  /** When the last thing that came had been worked on. */
  #answered = Number.NEGATIVE_INFINITY;
  readonly #look = (): void => this.#takeLook();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A socket has brought something. */
  received(): void {
    this.#hasReceived = true;
    if (this.#isScheduled) return;
    this.#isPolling = this.#clock.monotonic() - this.#answered < WINDOW;
    this.#schedule();
  }

  /** Who has asked has other answers to look at, and does not wait for this one. */
  receivedAhead(): void {
    this.#isPolling = false;
  }

  #schedule(): void {
    this.#isScheduled = true;
    this.#clock.nextTurn(this.#look);
  }

  /** Runs when the loop has worked on what came, and is about to look at the sockets again. */
  #takeLook(): void {
    this.#isScheduled = false;
    const now = this.#clock.monotonic();
    if (this.#hasReceived) this.#answered = now;
    this.#hasReceived = false;
    if (this.#isPolling && now - this.#answered < WINDOW) this.#schedule();
  }
}

let polling: BusyPolling | undefined;

/** For a program that serves or reads disks, as it starts. With one processor there is nothing to gain: whoever is waited for needs it. */
export function pollBusily(): void {
  if (availableParallelism() > 1) polling = new BusyPolling(systemClock);
}

/** A socket has brought something. Does nothing in a program that has not asked for it. */
export function polledReceipt(): void {
  polling?.received();
}

/** What has come was sent before an earlier answer had been looked at. Does nothing in a program that has not asked for it. */
export function receivedAhead(): void {
  polling?.receivedAhead();
}
