/**
 * Response Fences (RFC 7143 §4.2.2.3): some responses must not reach the initiator before those that went before them, nor after
 * those that follow, though each connection of a session has an order of its own. Such a response waits until every connection has
 * acknowledged what was sent on it, and what follows waits until the response itself is acknowledged.
 *
 * A session of one connection needs none of it: TCP keeps its order.
 */

import { DisklessError, serialDistance } from '../bytes/index.ts';
import type { Clock, Timer } from '../os/clock.ts';
import type { SessionConnection } from './session-connection.ts';

/** Milliseconds that an initiator may take to acknowledge, though it was asked to by a NOP-In. */
const ACKNOWLEDGEMENT_TIMEOUT = 10_000;

export interface FencedResponse {
  readonly isFenced: boolean;
  /** Where it goes: a task may change its connection while its response waits. */
  readonly connection: () => SessionConnection;
  readonly send: () => void;
}

export class ResponseFence {
  readonly #clock: Clock;
  readonly #connections: () => readonly SessionConnection[];
  /** Responses in the order in which they were made. */
  readonly #queue: FencedResponse[] = [];
  /** Connections that have not acknowledged everything, with the ExpStatSN that does. */
  readonly #unacknowledged = new Map<SessionConnection, number>();
  /** What the first of the queue had to wait for has been acknowledged. */
  #isFirstCleared = false;
  #timer: Timer | undefined;
  /** Responses must be handed to `pass`. */
  isUp = false;

  /** `connections` gives all that have a socket. */
  constructor(clock: Clock, connections: () => readonly SessionConnection[]) {
    this.#clock = clock;
    this.#connections = connections;
  }

  /** Sends a response now, or when the fences before it are down. */
  pass(response: FencedResponse): void {
    this.#queue.push(response);
    if (!this.isUp) this.#advance();
  }

  /** A connection has told by its ExpStatSN what it has got. */
  acknowledged(connection: SessionConnection): void {
    const expStatSN = this.#unacknowledged.get(connection);
    if (expStatSN !== undefined && serialDistance(expStatSN, connection.expStatSN) >= 0) this.#settle(connection);
  }

  /** A connection is gone, and with it what it has not acknowledged. */
  gone(connection: SessionConnection): void {
    if (this.#unacknowledged.has(connection)) this.#settle(connection);
  }

  /** The session is over, and its connections are: what waits finds none to go out on, and what was to follow it goes on. */
  stop(): void {
    this.#unacknowledged.clear();
    this.#timer?.cancel();
    this.#advance();
  }

  #settle(connection: SessionConnection): void {
    this.#unacknowledged.delete(connection);
    if (this.#unacknowledged.size > 0) return;
    this.#timer?.cancel();
    this.#advance();
  }

  /** Sends what may be sent. */
  #advance(): void {
    this.isUp = true;
    while (this.#unacknowledged.size === 0) {
      const [first] = this.#queue;
      if (first === undefined) {
        this.isUp = false;
        return;
      }
      const connections = this.#connections();
      const isFenced = first.isFenced && connections.length > 1;
      if (isFenced && !this.#isFirstCleared) {
        this.#isFirstCleared = true;
        this.#await(connections);
        continue;
      }
      this.#isFirstCleared = false;
      this.#queue.shift();
      first.send();
      if (isFenced) this.#await([first.connection()]);
    }
  }

  /** Asks for the acknowledgement of everything that was sent on these connections. */
  #await(connections: readonly SessionConnection[]): void {
    for (const connection of connections) {
      const { statSN } = connection.sender;
      if (connection.state !== 'open' || serialDistance(statSN, connection.expStatSN) >= 0) continue;
      this.#unacknowledged.set(connection, statSN);
      connection.responses.ping(connection.session.newTag());
    }
    if (this.#unacknowledged.size > 0) {
      this.#timer = this.#clock.after(ACKNOWLEDGEMENT_TIMEOUT, () => this.#giveUp());
    }
  }

  /** A connection that does not even acknowledge is no way to the initiator any more. */
  #giveUp(): void {
    for (const connection of [...this.#unacknowledged.keys()]) {
      const error = new DisklessError('ISCSI_TIMEOUT', `connection ${connection.cid} did not acknowledge in time`);
      connection.control.drop('unresponsive', error);
    }
  }
}
