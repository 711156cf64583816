/**
 * Whose turn it is: the connections of a portal share one thread, and one that asks for little must not wait for all that others have
 * asked for. Work is done in turns of a fraction of a millisecond, with a look at the sockets between; in longer ones while nobody asks
 * for little. A connection that has more than its share of a turn goes to the end of the line. One that comes new is served before
 * those that have been served already, in alternation, so that neither starves the other; of those that come new, the one that has had
 * least is the first (start-time fair queueing), since who keeps many commands under way comes new again and again. One that has the
 * target to itself is not interrupted.
 */

import { receivedAhead } from '../os/busy-polling.ts';
import type { Clock } from '../os/clock.ts';

/** Work is measured in commands, with so many bytes of data as much as a command. */
const COMMAND_OF_DATA = 24 * 1024;

/** Of one connection at a time: its answers leave in one system call, which is worth while for so many. */
export const SHARE = 32;

/** Of all connections, between two looks at the sockets. */
export const TURN = 64;

/** The same while all of them ask for much: with fewer looks, each finds more to do, and no answer that is waited for comes later. */
export const LONG_TURN = 256;

/** Milliseconds that one who asks for little is expected to ask again in. */
export const LATELY = 100;

export function costOf(bytes: number): number {
  return 1 + Math.floor(bytes / COMMAND_OF_DATA);
}

export interface TurnTaker {
  /** In the line of a `Turns`, which sets it. */
  isWaiting: boolean;
  /** How much work it has had, for a `Turns`, which sets it. It starts at 0. */
  received: number;
  /** Works until `share` is used up or nothing is left to do. Gives how much it has used. */
  work(share: number): number;
  /** It has stopped only because its share was used up. */
  readonly hasMore: boolean;
  /** It keeps many commands under way, and waits for none of their answers before it asks on. */
  readonly isDeep: boolean;
}

export class Turns {
  readonly #clock: Clock;
  /** In line for the first time since they had nothing to do. */
  readonly #fresh: TurnTaker[] = [];
  /** Have had a share and want another. */
  readonly #served: TurnTaker[] = [];
  #last: TurnTaker | undefined;
  /** Of this turn. */
  #left = TURN;
  /** When one was served that is not deep. */
  #modestAt = Number.NEGATIVE_INFINITY;
  /** What the newcomer that was served last had received by then. Who was away counts as having had a share less: it saves up no more. */
  #level = 0;
  #isScheduled = false;
  readonly #turn = (): void => this.#takeTurn();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A connection has something to do: it does it now when nobody waits, and otherwise in its turn. */
  enter(taker: TurnTaker): void {
    if (taker.isWaiting) return;
    const isFree = this.#fresh.length === 0 && this.#served.length === 0;
    if (isFree && taker === this.#last) {
      this.#work(taker, Number.POSITIVE_INFINITY);
      return;
    }
    taker.received = Math.max(taker.received, this.#level - SHARE);
    if (isFree && this.#left > 0) {
      this.#level = taker.received;
      this.#serve(taker);
    } else {
      taker.isWaiting = true;
      this.#fresh.push(taker);
    }
    this.#schedule();
  }

  #serve(taker: TurnTaker): void {
    this.#last = taker;
    taker.isWaiting = false;
    this.#left -= this.#work(taker, Math.min(SHARE, this.#left));
    if (!taker.hasMore) return;
    taker.isWaiting = true;
    this.#served.push(taker);
  }

  /** Gives how much it has used, and remembers whether somebody waits for what was done. */
  #work(taker: TurnTaker, share: number): number {
    const used = taker.work(share);
    taker.received += used;
    if (taker.isDeep) receivedAhead();
    else this.#modestAt = this.#clock.monotonic();
    return used;
  }

  /** Takes the newcomer that has had least out of the line. */
  #nextFresh(): TurnTaker | undefined {
    let place = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.#fresh.length; index++) {
      const received = this.#fresh[index]?.received ?? least;
      if (received >= least) continue;
      least = received;
      place = index;
    }
    const [taker] = this.#fresh.splice(place, 1);
    if (taker !== undefined) this.#level = least;
    return taker;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.nextTurn(this.#turn);
  }

  #takeTurn(): void {
    this.#isScheduled = false;
    this.#left = this.#clock.monotonic() - this.#modestAt < LATELY ? TURN : LONG_TURN;
    for (let fresh = true; this.#left > 0; fresh = !fresh) {
      const taker = fresh ? (this.#nextFresh() ?? this.#served.shift()) : (this.#served.shift() ?? this.#nextFresh());
      if (taker === undefined) break;
      this.#serve(taker);
    }
    if (this.#fresh.length > 0 || this.#served.length > 0) this.#schedule();
    else this.#left = TURN;
  }
}
