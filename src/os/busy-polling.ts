/**
 * Looks at the sockets without sleeping for a moment after something has come. Who asks one thing at a time asks again as soon as it
 * has its answer; a processor that has gone to sleep meanwhile needs longer to wake up than a READ takes. Only a conversation that
 * is as quick as that is waited for: whoever pauses once is not, until two things come close together again. So an idle process
 * sleeps, and one that polls in vain loses one window and no more. Nor does it take a processor that another program wants.
 */

import { availableParallelism } from 'node:os';
import { type Clock, systemClock } from './clock.ts';

/** Milliseconds: longer than both ends of a local network need between an answer and the next question, shorter than anybody notices. */
export const WINDOW = 0.1;

/** Milliseconds between two looks at whether others want the processor. */
export const PERIOD = 10;

/** How often the kernel may give the processor to another program in a period: its own threads come now and then. */
export const TOLERATED = 1;

/** Milliseconds without polling once they do. */
export const REST = 250;

export class BusyPolling {
  readonly #clock: Clock;
  readonly #preemptions: () => number;
  /** Until the conversation pauses. */
  #isPolling = false;
  /** Something has come since the last look. */
  #hasReceived = false;
  #isScheduled = false;
  /** When the last thing that came had been worked on. */
  #answered = Number.NEGATIVE_INFINITY;
  #checkAt = Number.NEGATIVE_INFINITY;
  #preempted: number;
  #isWanted = false;
  readonly #look = (): void => this.#takeLook();

  /** `preemptions` counts how often the kernel has given this process's processor to another one. */
  constructor(clock: Clock, preemptions: () => number) {
    this.#clock = clock;
    this.#preemptions = preemptions;
    this.#preempted = preemptions();
  }

  /** A socket has brought something. */
  received(): void {
    this.#hasReceived = true;
    if (this.#isScheduled) return;
    const now = this.#clock.monotonic();
    this.#isPolling = now - this.#answered < WINDOW && !this.#isProcessorWanted(now);
    this.#schedule();
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
    if (this.#isPolling && now - this.#answered < WINDOW && !this.#isProcessorWanted(now)) this.#schedule();
  }

  #isProcessorWanted(now: number): boolean {
    if (now < this.#checkAt) return this.#isWanted;
    const before = this.#preempted;
    this.#preempted = this.#preemptions();
    this.#isWanted = this.#preempted - before > TOLERATED;
    this.#checkAt = now + (this.#isWanted ? REST : PERIOD);
    return this.#isWanted;
  }
}

let polling: BusyPolling | undefined;

/** For a program that serves or reads disks, as it starts. With one processor there is nothing to gain: whoever is waited for needs it. */
export function pollBusily(): void {
  if (availableParallelism() === 1) return;
  polling = new BusyPolling(systemClock, () => process.resourceUsage().involuntaryContextSwitches);
}

/** A socket has brought something. Does nothing in a program that has not asked for it. */
export function polledReceipt(): void {
  polling?.received();
}
