/**
 * The connections of a session (RFC 7143 §4.2.1): how they join it, and what becomes of them and of their tasks when they end.
 *
 * With ErrorRecoveryLevel 2 a connection that fails is kept without its socket, and its tasks wait for another one for the time that
 * was negotiated; otherwise they end with it (RFC 7143 §7.5, §7.6).
 */

import { ProtocolError } from '../bytes/index.ts';
import { AsyncEvent } from '../iscsi/pdu.ts';
import { DEVICE_PATIENCE, DeviceWork } from './device-work.ts';
import type { SessionEnd } from './event.ts';
import type { Session } from './session.ts';
import { SessionConnection, type SessionConnectionOptions } from './session-connection.ts';

/**
 * Seconds of Time2Wait that a lost connection is kept for at most. An initiator may ask for an hour, since the longer time holds
 * (RFC 7143 §13.15), and pays nothing for it; Time2Retain is never longer than this side has offered (§13.16). One that waits for
 * longer than this finds the session gone, and begins another.
 */
const LONGEST_WAIT = 600;

/** Lost connections that are kept at a time: twice as many as there may be. An older one is given up. */
const LOST_LIMIT = 8;

/** Connections that are gone while a device is still at work for them: with so many of them no other joins, or their tasks would pile up. */
const LEAVING_LIMIT = 8;

export class SessionConnections {
  readonly #session: Session;
  /** Those with a socket, by CID. */
  readonly #open = new Map<number, SessionConnection>();
  /** Those without a socket, whose tasks wait for reassignment. */
  readonly #lost = new Set<SessionConnection>();
  /** The CIDs of those that are gone while a device is still at work for them: nobody begins in such a place before it is done. */
  readonly #leaving = new Map<DeviceWork, number>();
  /** Those that are about to join. */
  readonly #joining = new Set<SessionConnectionOptions>();

  constructor(session: Session) {
    this.#session = session;
  }

  /** All that have a socket. */
  open(): readonly SessionConnection[] {
    return [...this.#open.values()];
  }

  /** Whether a connection of this CID can still be added: it takes the place of one with the same CID, or is one more. */
  hasRoomFor(cid: number): boolean {
    if (this.#leaving.size >= LEAVING_LIMIT) return false;
    const taken = new Set([...this.#open.keys(), ...[...this.#joining].map((joining) => joining.cid)]);
    return taken.has(cid) || taken.size < this.#session.parameters.maxConnections;
  }

  /** By CID: one with a socket, or one that was lost and not logged out. */
  find(cid: number): SessionConnection | undefined {
    return this.#open.get(cid) ?? [...this.#lost].find((lost) => lost.cid === cid && !lost.isCleanedUp);
  }

  /** A lost one that has kept the answer of a task that the initiator may not have got. */
  findLostWithAnswer(initiatorTaskTag: number): SessionConnection | undefined {
    return [...this.#lost].find((lost) => lost.sent?.findAnswered(initiatorTaskTag) !== undefined);
  }

  /**
   * A login has brought a connection. One with the same CID is implicitly logged out (RFC 7143 §6.3.4), and the new one begins when a
   * device does nothing any more for those that had its place, however they went: of several that wait, each finds the one before it.
   * Gives why there is none otherwise, and then nothing of it is left: `timeout` when a device takes longer than `DEVICE_PATIENCE`,
   * `aborted` when `signal` says that the new connection is gone, `closed` when the session is over or has no room left.
   */
  async join(
    options: SessionConnectionOptions,
    signal: AbortSignal,
  ): Promise<SessionConnection | 'timeout' | 'aborted' | 'closed'> {
    if (!this.hasRoomFor(options.cid)) return 'closed';
    const { clock, parameters } = this.#session;
    const end = clock.monotonic() + DEVICE_PATIENCE;
    this.#joining.add(options);
    try {
      for (;;) {
        const old = this.find(options.cid);
        if (old !== undefined && parameters.errorRecoveryLevel === 2) this.removeForRecovery(old);
        else if (old !== undefined) void this.close(old);
        const leaving = this.#findLeaving(options.cid);
        if (leaving === undefined) return this.#addJoined(options);
        const result = await leaving.wait({ clock, timeout: end - clock.monotonic(), signal });
        if (result !== 'over') return result;
      }
    } finally {
      this.#joining.delete(options);
      if (this.#isDeserted) void this.#session.end('connection lost');
    }
  }

  #addJoined(options: SessionConnectionOptions): SessionConnection | 'closed' {
    if (this.#session.closing) return 'closed';
    const connection = this.add(options);
    this.settle();
    return connection;
  }

  #findLeaving(cid: number): DeviceWork | undefined {
    for (const [work, of] of this.#leaving) if (of === cid) return work;
    return undefined;
  }

  /** A connection has gone, and a device is at work for it until `over`. */
  #leave({ cid }: SessionConnection, over: Promise<unknown>): void {
    const work = new DeviceWork(over.then(() => void this.#leaving.delete(work)));
    this.#leaving.set(work, cid);
  }

  /** The first connection, or one whose CID is free. */
  add(options: SessionConnectionOptions): SessionConnection {
    const connection = new SessionConnection(this.#session, options);
    this.#open.set(options.cid, connection);
    return connection;
  }

  /**
   * A connection has lost its socket, or gives it up. Its tasks wait for another one where they can; otherwise they end here,
   * unanswered (RFC 7143 §7.6, §7.14).
   */
  async ended(connection: SessionConnection, reason: SessionEnd, error?: Error): Promise<void> {
    if (connection.state !== 'open') return;
    this.#forgetOpen(connection);
    const isFailure = reason === 'connection lost' || reason === 'unresponsive' || isDamage(error);
    const isKept = isFailure && this.#canRecover;
    if (isKept) this.#lose(connection);
    else connection.state = 'ended';
    this.#tellFence(connection);
    if (isFailure) this.#announceLoss(connection, isKept);
    if (isKept) return;
    const opensWindow = isFailure && this.#takesRoom(connection);
    const ended = this.#endTasks(connection);
    // Only the failure of a path, or its planned end, leaves the others alone (RFC 7143 §7.7).
    const endsAll = !isFailure && reason !== 'logout' && reason !== 'reinstated';
    if (endsAll || this.#isDeserted) await this.#session.end(reason, error);
    await ended;
    if (opensWindow) this.#session.tellWindow();
  }

  /** Not before its state tells that it is gone: what waited for its acknowledgement goes out now, and must not wait for it again. */
  #tellFence(connection: SessionConnection): void {
    this.#session.fence.gone(connection);
  }

  /** RFC 7143 §7.1.4.3: the other connections learn of it. */
  #announceLoss({ cid }: SessionConnection, isKept: boolean): void {
    const { defaultTime2Wait, defaultTime2Retain } = this.#session.parameters;
    const values = { parameter1: cid, parameter2: defaultTime2Wait, parameter3: isKept ? defaultTime2Retain : 0 };
    for (const { responses } of this.#open.values()) responses.asyncMessage(AsyncEvent.connectionDropped, values);
  }

  /** Tasks of the connection take places in the window: when they end unanswered, nothing else tells of it (RFC 7143 §11.4.11). */
  #takesRoom(connection: SessionConnection): boolean {
    return this.#session.tasks.of(connection).some(({ inWindow }) => inWindow);
  }

  #forgetOpen(connection: SessionConnection): void {
    if (this.#open.get(connection.cid) === connection) this.#open.delete(connection.cid);
  }

  get #canRecover(): boolean {
    const { errorRecoveryLevel, defaultTime2Retain } = this.#session.parameters;
    return errorRecoveryLevel === 2 && defaultTime2Retain > 0 && !this.#session.closing;
  }

  /** Nothing is left to wait for. */
  get #isDeserted(): boolean {
    return this.#open.size === 0 && this.#lost.size === 0 && this.#joining.size === 0;
  }

  /** Keeps the tasks of a connection for Time2Wait and Time2Retain (RFC 7143 §7.5). */
  #lose(connection: SessionConnection): void {
    const { tasks, parameters, clock } = this.#session;
    connection.state = 'lost';
    this.#lost.add(connection);
    const immediate = tasks.of(connection).filter(({ isImmediate }) => isImmediate);
    const running = immediate.flatMap((task) => tasks.abort(task) ?? []);
    if (running.length > 0) this.#leave(connection, Promise.all(running));
    const { defaultTime2Wait, defaultTime2Retain } = parameters;
    const seconds = Math.min(defaultTime2Wait, LONGEST_WAIT) + defaultTime2Retain;
    connection.retainTimer = clock.after(seconds * 1000, () => {
      void this.#expire(connection);
    });
    const [oldest] = this.#lost;
    if (this.#lost.size > LOST_LIMIT && oldest !== undefined) void this.#expire(oldest);
  }

  async #expire(connection: SessionConnection): Promise<void> {
    const opensWindow = this.#takesRoom(connection);
    await this.#giveUp(connection);
    if (opensWindow) this.#session.tellWindow();
  }

  /** The time for recovery is over, or nothing of the connection is left. */
  async #giveUp(connection: SessionConnection): Promise<void> {
    if (!this.#lost.delete(connection)) return;
    connection.retainTimer?.cancel();
    connection.state = 'ended';
    const ended = this.#endTasks(connection);
    if (this.#isDeserted) await this.#session.end('connection lost');
    await ended;
  }

  #endTasks(connection: SessionConnection): Promise<void> | undefined {
    this.#discardEarly(connection);
    const over = this.#session.tasks.abortOf(connection);
    if (over !== undefined) this.#leave(connection, over);
    return over;
  }

  #discardEarly(connection: SessionConnection): void {
    this.#session.window.discardEarly((early) => early?.connection === connection);
  }

  /** Ends lost connections that were logged out and have no task left, while there are others. */
  settle(): void {
    if (this.#open.size === 0) return;
    for (const lost of this.#lost) {
      const isEmpty = this.#session.tasks.of(lost).length === 0 && lost.sent?.hasAnswers !== true;
      if (lost.isCleanedUp && isEmpty) void this.#giveUp(lost);
    }
  }

  /** "Close the connection": its tasks end. Resolves when they do nothing to the medium any more. */
  async close(connection: SessionConnection): Promise<void> {
    if (connection.state === 'lost') {
      await this.#giveUp(connection);
      return;
    }
    const ended = this.ended(connection, 'reinstated');
    connection.control.drop('reinstated');
    await ended;
  }

  /**
   * "Close the connection", asked for on another one, also of one that is gone already. Gives `closed` when a device does nothing for it
   * any more, `timeout` when that takes longer than `DEVICE_PATIENCE`.
   */
  async logOut(cid: number): Promise<'closed' | 'not found' | 'timeout'> {
    const { clock } = this.#session;
    const end = clock.monotonic() + DEVICE_PATIENCE;
    const old = this.find(cid);
    if (old !== undefined) void this.close(old);
    let leaving = this.#findLeaving(cid);
    if (old === undefined && leaving === undefined) return 'not found';
    for (; leaving !== undefined; leaving = this.#findLeaving(cid)) {
      if ((await leaving.wait({ clock, timeout: end - clock.monotonic() })) !== 'over') return 'timeout';
    }
    return 'closed';
  }

  /** "Remove the connection for recovery": its tasks may be reassigned from now on. */
  removeForRecovery(connection: SessionConnection): void {
    connection.isCleanedUp = true;
    this.#discardEarly(connection);
    if (connection.state !== 'open') return;
    this.#forgetOpen(connection);
    this.#lose(connection);
    this.#tellFence(connection);
    connection.control.finish('connection lost');
  }

  /** The session is over: those with a socket close when what is queued has left. */
  endAll(reason: SessionEnd): void {
    const all = [...this.#open.values(), ...this.#lost];
    this.#open.clear();
    this.#lost.clear();
    for (const connection of all) {
      const wasOpen = connection.state === 'open';
      connection.state = 'ended';
      connection.retainTimer?.cancel();
      connection.drained();
      if (wasOpen) connection.control.finish(reason);
    }
  }
}

/** A damaged header says nothing about its sender: the path failed, not the protocol (RFC 7143 §7.8). */
function isDamage(error: Error | undefined): boolean {
  return error instanceof ProtocolError && error.code === 'ISCSI_HEADER_DIGEST';
}
