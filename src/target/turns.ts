/**
 * Whose turn it is: the connections of a portal share one thread, and one that asks for little must not wait for all that others have
 * asked for. It is answered as its socket is looked at, as far as a turn's worth of such answers goes. All else that the sockets bring
 * is looked at first, and then worked on in turns of a fraction of a millisecond, with another look between; in longer ones while
 * nobody asks for little. A connection that has more than its share of a turn goes to the end of the line. One that comes new is served
 * before those that have been served already, a share for a share, so that neither starves the other; of those that come new, the one
 * that has had least is the first (start-time fair queueing), since who keeps many commands under way comes new again and again. One
 * that has the target to itself is not interrupted.
 */

import { receivedAhead } from '../os/busy-polling.ts';
import type { Clock } from '../os/clock.ts';
import { collectYoungObjects } from '../os/short-lived-memory.ts';

/** Work is measured in commands, with so many bytes of data as much as a command. */
const COMMAND_OF_DATA = 24 * 1024;

/** Of one connection at a time: its answers leave in one system call, which is worth while for so many. */
export const SHARE = 32;

/**
 * Of all connections, between two looks at the sockets: two or three of these are what an answer is waited for. Fewer would not shorten
 * that, as the sockets are looked at for as long.
 */
export const TURN = 8;

/** The same while all of them ask for much: with fewer looks, each finds more to do, and no answer that is waited for comes later. */
export const LONG_TURN = 256;

/** Commands of those that ask for much after which there is garbage enough to be worth a look: two thirds of what the collector waits for. */
const MUCH_GARBAGE = 400;

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
  /** What newcomers have used since one that had been served before had a share. */
  #usedByFresh = 0;
  /** When one was served that is not deep. */
  #modestAt = Number.NEGATIVE_INFINITY;
  /** What the newcomer that was served last had received by then. Who was away counts as having had a share less: it saves up no more. */
  #level = 0;
  /** Work that was done as sockets were looked at, since the last turn. */
  #usedAtOnce = 0;
  #hasServedModest = false;
  /** Work of those that ask for much since the young objects were looked at. */
  #garbage = 0;
  #isScheduled = false;
  readonly #turn = (): void => this.#takeTurn();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * A connection has something to do. One that alone had something to do lately does it now, and so does one that asks for little;
   * others wait until all sockets that have something have been read, as the one that should come first may be the last of them.
   */
  enter(taker: TurnTaker): void {
    if (taker.isWaiting) return;
    if (taker === this.#last && this.#fresh.length === 0 && this.#served.length === 0) {
      this.#work(taker, Number.POSITIVE_INFINITY);
      return;
    }
    taker.received = Math.max(taker.received, this.#level - SHARE);
    this.#schedule();
    if (!taker.isDeep && this.#usedAtOnce < TURN) {
      this.#last = taker;
      this.#usedAtOnce += this.#work(taker, TURN - this.#usedAtOnce);
      if (!taker.hasMore) return;
    }
    taker.isWaiting = true;
    this.#fresh.push(taker);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.nextTurn(this.#turn);
  }

  #takeTurn(): void {
    this.#isScheduled = false;
    this.#takeShares();
    this.#usedAtOnce = 0;
    // Whoever has just been answered, and asks for little, does not ask again at once.
    if (this.#hasServedModest && this.#garbage >= MUCH_GARBAGE) {
      this.#garbage = 0;
      collectYoungObjects();
    }
    this.#hasServedModest = false;
  }

  #takeShares(): void {
    const now = this.#clock.monotonic();
    let used = 0;
    while (this.#fresh.length > 0 || this.#served.length > 0) {
      const left = (now - this.#modestAt < LATELY ? TURN : LONG_TURN) - used;
      if (left <= 0) {
        this.#schedule();
        return;
      }
      used += this.#serveNext(Math.min(SHARE, left));
    }
  }

  /** Gives how much of the share was used. */
  #serveNext(share: number): number {
    const isForFresh = this.#fresh.length > 0 && (this.#usedByFresh < share || this.#served.length === 0);
    const taker = isForFresh ? this.#nextFresh() : this.#served.shift();
    if (taker === undefined) return 0;
    this.#last = taker;
    taker.isWaiting = false;
    const used = this.#work(taker, share);
    this.#usedByFresh = isForFresh ? this.#usedByFresh + used : 0;
    if (taker.hasMore) {
      taker.isWaiting = true;
      this.#served.push(taker);
    }
    return used;
  }

  /** Gives how much it has used, and remembers whether somebody waits for what was done. */
  #work(taker: TurnTaker, share: number): number {
    const used = taker.work(share);
    taker.received += used;
    if (taker.isDeep) {
      this.#garbage += used;
      receivedAhead();
    } else {
      this.#modestAt = this.#clock.monotonic();
      this.#hasServedModest = true;
    }
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
}
