/**
 * What a session does when time is over: a silent target is asked whether it is there, a command that takes too long is aborted, and
 * a target that answers nothing is given up.
 */

import type { CommandQueue } from './command-queue.ts';
import type { Exchanges } from './exchanges.ts';
import type { Outstanding } from './outstanding.ts';
import { pingRequest } from './request.ts';
import { noAnswer } from './session-error.ts';
import type { TaskAbort } from './task-abort.ts';
import type { Timeouts } from './timeouts.ts';

export interface DeadlinesOptions {
  readonly timeouts: Timeouts;
  readonly outstanding: Outstanding;
  readonly queue: CommandQueue;
  readonly exchanges: Exchanges;
  readonly taskAbort: TaskAbort;
  /** Names the target in messages. */
  readonly peer: string;
  /** The session must end. */
  readonly giveUp: (reason: Error) => void;
}

export class Deadlines {
  readonly #options: DeadlinesOptions;
  #lastHeard: number;
  #pinging = false;

  /** Times are the clock's monotonic milliseconds. */
  constructor(options: DeadlinesOptions, now: number) {
    this.#options = options;
    this.#lastHeard = now;
  }

  /** Something has come from the target. */
  heard(now: number): void {
    this.#lastHeard = now;
  }

  /** Deals with what is due; returns when to look again. */
  look(now: number): number {
    const { timeouts, outstanding, queue, exchanges, taskAbort, peer, giveUp } = this.#options;
    let next = this.#lastHeard + timeouts.keepaliveInterval;
    if (next <= now) {
      if (!this.#pinging && !exchanges.isOver) void this.#ping();
      next = now + timeouts.keepaliveInterval;
    }
    if (queue.stalledUntil <= now) giveUp(noAnswer(peer, 'with room for a command'));
    next = Math.min(next, queue.stalledUntil);
    for (const each of outstanding.values()) {
      if (each.deadline > now) next = Math.min(next, each.deadline);
      else if (each.kind === 'task') {
        // After the logout nothing is asked: it ends them.
        if (!exchanges.isOver) void taskAbort.end(each, noAnswer(peer, 'a SCSI command'));
      } else {
        giveUp(noAnswer(peer, each.title));
        break;
      }
    }
    return next;
  }

  /** No answer in time ends the session like any exchange. */
  async #ping(): Promise<void> {
    const { exchanges, timeouts } = this.#options;
    this.#pinging = true;
    try {
      await exchanges.ask({ title: 'a ping', fill: pingRequest, timeout: timeouts.keepaliveTimeout });
    } catch {
      // The session has ended, and said why.
    } finally {
      this.#pinging = false;
    }
  }
}
