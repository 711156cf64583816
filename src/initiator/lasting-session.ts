/**
 * A session with a target for as long as it is wanted: when the target asks for a logout, drops the session or is lost, this logs in
 * again and gives the commands that have not ended to the new session. To who reads and writes blocks nothing has happened but time.
 *
 * Commands are run once or more: whoever gives them must be able to bear that, as READ and WRITE of the same blocks can.
 */

import type { DisklessError } from '../bytes/index.ts';
import { type Clock, pause } from '../os/clock.ts';
import type { CommandExecutor, ScsiRequest, ScsiResult } from './scsi-request.ts';
import type { Session } from './session.ts';
import { SessionDropped, sessionClosed } from './session-error.ts';

export interface LastingSessionOptions {
  readonly clock: Clock;
  readonly login: (signal: AbortSignal) => Promise<Session>;
  /** Milliseconds that commands wait for a session. Then they fail as its login does, at once, until there is one. */
  readonly timeout: number;
  readonly onReachability?: (reachability: Reachability) => void;
}

/** What has become of a target that is away; `after` is how long commands have had no session, in milliseconds. */
export type Reachability =
  /** Commands wait no longer. `error` is what the last login raised. */
  | { readonly kind: 'unreachable'; readonly after: number; readonly error: unknown }
  /** After that there is a session again. */
  | { readonly kind: 'back'; readonly after: number };

/**
 * Looks in a session for what commands are meant for. Gives an error when something else is in its place, for good; what it raises is a
 * matter of time, such as a unit that is not there yet.
 */
export type Recognize = (session: Session) => Promise<DisklessError | undefined>;

/** Sessions that one command may see end: what ends them may be the command itself. */
const MAX_SESSIONS = 5;

/** Milliseconds between two logins that fail. */
const RETRY_DELAY = 1_000;

interface Renewal {
  readonly session: Promise<Session>;
  /** Rejects when commands are to wait no longer. */
  readonly patience: Promise<never>;
}

export class LastingSession implements CommandExecutor, AsyncDisposable {
  readonly #options: LastingSessionOptions;
  readonly #closing = new AbortController();
  #current: Session;
  #renewal: Renewal | undefined;
  #isReachable = true;
  #recognize: Recognize | undefined;
  readonly #lost = new AbortController();

  /** `first` is a session that is open. */
  constructor(first: Session, options: LastingSessionOptions) {
    this.#current = first;
    this.#options = options;
  }

  /** The session of now; it may be over. */
  get current(): Session {
    return this.#current;
  }

  /** False while commands fail because there has been no session for too long. */
  get isReachable(): boolean {
    return this.#isReachable;
  }

  /** Commands are given to another session only when this has found in it what they are meant for. */
  recognizeBy(recognize: Recognize): void {
    this.#recognize = recognize;
  }

  /** Aborted, with the error, when another session has something else in place of what was recognized: no command is run any more. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /**
   * Rejects with ISCSI_SESSION_CLOSED or the reason that `destroy` was given, with what a login raised when there has been no session
   * for too long, and with what a session raises that goes on.
   */
  async execute(request: ScsiRequest): Promise<ScsiResult> {
    for (let sessions = 1; ; sessions++) {
      this.#closing.signal.throwIfAborted();
      const session = this.#current.isOpen ? this.#current : await this.#renewed();
      try {
        return await session.execute(request);
      } catch (error) {
        if (session.isOpen || sessions === MAX_SESSIONS) throw error;
      }
    }
  }

  #renewed(): Promise<Session> {
    this.#renewal ??= this.#beginRenewal();
    const { session, patience } = this.#renewal;
    return Promise.race([session, patience]);
  }

  #beginRenewal(): Renewal {
    const { promise: patience, reject: giveUp } = Promise.withResolvers<never>();
    const session = this.#renew(giveUp).finally(() => {
      this.#renewal = undefined;
    });
    // It goes on when nobody waits for it any more.
    for (const each of [session, patience]) each.catch(() => {});
    return { session, patience };
  }

  async #renew(giveUp: (error: unknown) => void): Promise<Session> {
    const { clock, login, timeout } = this.#options;
    const { signal } = this.#closing;
    // A login before the logout is over would reinstate the session that the target wants to be rid of.
    const reason = await this.#current.closed;
    const start = clock.monotonic();
    await this.#pause(this.#delayAfter(reason));
    for (;;) {
      signal.throwIfAborted();
      try {
        const session = await login(signal);
        await this.#enter(session);
        this.#current = session;
        this.#found(clock.monotonic() - start);
        return session;
      } catch (error) {
        if (signal.aborted) throw error;
        const after = clock.monotonic() - start;
        if (after + RETRY_DELAY > timeout) {
          this.#missed(after, error);
          giveUp(error);
        }
        await this.#pause(RETRY_DELAY);
      }
    }
  }

  #missed(after: number, error: unknown): void {
    if (!this.#isReachable) return;
    this.#isReachable = false;
    this.#options.onReachability?.({ kind: 'unreachable', after, error });
  }

  #found(after: number): void {
    if (this.#isReachable) return;
    this.#isReachable = true;
    this.#options.onReachability?.({ kind: 'back', after });
  }

  /** Raises why a session is not to be used, which is then closed. */
  async #enter(session: Session): Promise<void> {
    if (this.#recognize === undefined) return;
    const { signal } = this.#closing;
    const abort = () => session.destroy(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      const other = await this.#recognize(session);
      if (other === undefined) return;
      this.#lost.abort(other);
      this.#closing.abort(other);
      throw other;
    } catch (error) {
      await session.close();
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Milliseconds; a session that did not end in order is not followed at once (RFC 7143 §13.15). */
  #delayAfter(reason: Error | undefined): number {
    if (reason === undefined) return 0;
    const { defaultTime2Wait } = this.#current.parameters;
    return (reason instanceof SessionDropped ? reason.time2Wait : defaultTime2Wait) * 1000;
  }

  /** Resolves after so many milliseconds, or when this closes. */
  async #pause(milliseconds: number): Promise<void> {
    if (milliseconds > 0) await pause(this.#options.clock, milliseconds, this.#closing.signal);
  }

  /** Ends it at once: what is under way fails with `reason`. */
  destroy(reason: Error): void {
    this.#closing.abort(reason);
    this.#current.destroy(reason);
  }

  /** Logs out, when what is outstanding has ended. Safe to call at any time, and again. */
  async close(): Promise<void> {
    this.#closing.abort(sessionClosed());
    await this.#renewal?.session.catch(() => {});
    await this.#current.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
