/** Datagrams and time as a test wants them: lost, doubled, late and out of order, and repeatable from a seed. */

import { type Random, seededRandom } from './random.ts';

export interface Faults {
  /** Of 100 datagrams, how many are lost and how many come twice. */
  readonly lossPercent: number;
  readonly duplicatePercent: number;
  /** Milliseconds on the way; more than the smallest means that datagrams overtake one another. */
  readonly delay: readonly [least: number, most: number];
}

export const noFaults: Faults = { lossPercent: 0, duplicatePercent: 0, delay: [1, 1] };

interface Event {
  readonly at: number;
  readonly order: number;
  readonly action: () => void;
}

export class SimulatedDatagrams {
  readonly random: Random;
  readonly #faults: Faults;
  #events: Event[] = [];
  #order = 0;
  #now = 0;

  constructor(seed: number, faults: Faults) {
    this.random = seededRandom(seed);
    this.#faults = faults;
  }

  /** Milliseconds since the start. */
  get now(): number {
    return this.#now;
  }

  /** Gives `deliver` a turn later, once, twice or never. */
  send(deliver: () => void): void {
    const { lossPercent, duplicatePercent, delay } = this.#faults;
    const copies = this.random.below(100) < duplicatePercent ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.random.below(100) < lossPercent) continue;
      this.at(this.#now + delay[0] + this.random.below(delay[1] - delay[0] + 1), deliver);
    }
  }

  at(time: number, action: () => void): { cancel(): void } {
    const event = { at: Math.max(time, this.#now), order: this.#order++, action };
    this.#events.push(event);
    return {
      cancel: () => {
        this.#events = this.#events.filter((other) => other !== event);
      },
    };
  }

  /** Lets time pass until `isDone`, nothing is left to happen, or `limit` milliseconds are over. True when done. */
  async run(isDone: () => boolean, limit: number): Promise<boolean> {
    while (!isDone()) {
      const next = this.#next();
      if (next === undefined || next.at > limit) return false;
      this.#events.splice(this.#events.indexOf(next), 1);
      this.#now = next.at;
      next.action();
      // What the action promised is done before time goes on.
      await new Promise(setImmediate);
    }
    return true;
  }

  #next(): Event | undefined {
    let first: Event | undefined;
    for (const event of this.#events) {
      if (first === undefined || event.at < first.at || (event.at === first.at && event.order < first.order))
        first = event;
    }
    return first;
  }
}

/** Calls a state machine's `poll` when its deadline has come. */
export class Alarm {
  readonly #network: SimulatedDatagrams;
  #timer: { cancel(): void } | undefined;

  constructor(network: SimulatedDatagrams) {
    this.#network = network;
  }

  set(deadline: number | undefined, poll: () => void): void {
    this.#timer?.cancel();
    this.#timer = deadline === undefined ? undefined : this.#network.at(deadline, poll);
  }
}
