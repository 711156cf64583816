/** One connection from its acceptance to its end: PDUs out of the stream, login, then the full feature phase. */

import { DisklessError, ProtocolError } from '../bytes/index.ts';
import type { Random } from '../iscsi/chap.ts';
import type { LoginIdentity } from '../iscsi/login-request.ts';
import type { Wishes } from '../iscsi/parameters.ts';
import { LoginStatus } from '../iscsi/pdu.ts';
import { type Pdu, PduReader } from '../iscsi/pdu-reader.ts';
import { LOGIN_DATA_SEGMENT_LENGTH, type LoginOutcome, type LoginStep, TargetLogin } from '../iscsi/target-login.ts';
import type { Clock, Timer } from '../os/clock.ts';
import type { Endpoint, TcpConnection, TcpHandler } from '../os/network.ts';
import { AdditionalSense } from '../scsi/index.ts';
import { type DiscoveryOptions, DiscoverySession } from './discovery.ts';
import type { DiscoverySessions } from './discovery-sessions.ts';
import type { SessionEnd, SessionReference, TargetEventListener } from './event.ts';
import type { ConnectionControl, FullFeaturePhase } from './full-feature.ts';
import { Keepalive, type KeepaliveOptions } from './keepalive.ts';
import { type AdmissionOptions, decideLogin, type LoginDecision, preparedName } from './login-admission.ts';
import { LoginTime } from './login-time.ts';
import { PduSender } from './pdu-sender.ts';
import { reinstate } from './reinstatement.ts';
import { Session } from './session.ts';
import type { SessionConnection, SessionConnectionOptions } from './session-connection.ts';
import { PORTAL_GROUP_TAG, type Target } from './target.ts';
import { costOf, type Turns, type TurnTaker } from './turns.ts';

/** Milliseconds that an initiator has to close its side of an ended connection, and to take what was sent before. */
const LINGER = 10_000;

/** Bytes that may have come and wait for the connection's turn. */
const BACKLOG = 256 * 1024;

export interface ConnectionOptions extends AdmissionOptions {
  readonly wishes: Wishes;
  readonly random: Random;
  readonly clock: Clock;
  /** Milliseconds that an initiator has for its login, beside the target's own time. */
  readonly loginTimeout: number;
  readonly keepalive: KeepaliveOptions;
  readonly onEvent: TargetEventListener;
  /** The normal sessions of the portal. */
  readonly sessions: Set<Session>;
  readonly turns: Turns;
  /** Its discovery sessions that name no target. */
  readonly discoverySessions: DiscoverySessions;
  /** Where the initiator can reach the directory's targets, here first. */
  readonly paths: () => readonly Endpoint[];
  readonly onClosed: (connection: Connection) => void;
}

export class Connection implements TcpHandler, ConnectionControl, TurnTaker {
  readonly #tcp: TcpConnection;
  readonly #options: ConnectionOptions;
  readonly #reader = new PduReader({
    maxDataSegmentLength: LOGIN_DATA_SEGMENT_LENGTH,
    headerDigest: false,
    dataDigest: false,
  });
  readonly #sender: PduSender;
  readonly #login: TargetLogin;
  readonly #loginTime: LoginTime;
  #lingerTimer: Timer | undefined;
  #phase: FullFeaturePhase | undefined;
  #keepalive: Keepalive | undefined;
  /** Who the login lets in to what, once that has been looked up. */
  #decision: LoginDecision | undefined;
  /** Steps of the login that take time and must end before the next PDU is looked at: one may lead to another. */
  #stepsUnderWay = 0;
  #paused = false;
  #ended = false;
  /** Ends the wait for what the new session must not meet. */
  readonly #gone = new AbortController();
  #hasMore = false;
  isWaiting = false;
  received = 0;
  #signs = 0;

  constructor(tcp: TcpConnection, options: ConnectionOptions) {
    this.#tcp = tcp;
    this.#options = options;
    this.#sender = new PduSender(tcp);
    const { wishes, random } = options;
    this.#login = new TargetLogin({ wishes, random, portalGroupTag: PORTAL_GROUP_TAG });
    this.#loginTime = new LoginTime({
      clock: options.clock,
      limit: options.loginTimeout,
      initiator: tcp.remote.address,
      onOver: (status, error) => {
        this.#failLogin(status, error);
        this.drop('unresponsive', error);
      },
    });
    options.onEvent({ kind: 'connected', remote: tcp.remote });
    tcp.start(this);
  }

  get phase(): FullFeaturePhase | undefined {
    return this.#phase;
  }

  /** Grows with what the initiator says and takes: unchanged between two looks, it may not be there any more. */
  get signs(): number {
    return this.#signs;
  }

  /** This side waits for it: to take what is queued, or to close its own side. */
  get isAwaited(): boolean {
    return this.#ended || this.#tcp.bufferedBytes > 0;
  }

  /** It was asked for a sign of life and has given none yet. */
  get isDoubtful(): boolean {
    return this.#keepalive?.isUnanswered === true;
  }

  /** Bytes that have come and are not taken: for the rest of their PDU, or for room for what it causes. */
  get unread(): number {
    return this.#reader.buffered;
  }

  data(chunk: Uint8Array): void {
    // Nobody takes what comes until the initiator has closed its side.
    if (this.#ended) return;
    this.#signs += 1;
    this.#reader.push(chunk);
    if (!this.isWaiting) this.#options.turns.enter(this);
    if (this.isWaiting) this.#regulate();
  }

  drain(): void {
    this.#signs += 1;
    this.#sender.drained();
    this.#phase?.drained();
    this.#options.turns.enter(this);
  }

  /** Takes PDUs as long as there is room for what they cause, and lets the socket flow accordingly. */
  work(share: number): number {
    let used = 0;
    this.#hasMore = true;
    this.#sender.hold();
    try {
      while (used < share) {
        const pdu = this.#isBlocked() ? undefined : this.#reader.next();
        if (pdu === undefined) {
          this.#hasMore = false;
          break;
        }
        const before = this.#sender.sentBytes;
        if (this.#phase === undefined) this.#loginRequest(pdu);
        else this.#phase.receive(pdu);
        used += costOf(pdu.dataLength + this.#sender.sentBytes - before);
      }
    } catch (error) {
      this.#hasMore = false;
      this.#failed(error);
    }
    this.#sender.flush();
    this.#regulate();
    return used;
  }

  get hasMore(): boolean {
    return this.#hasMore;
  }

  get isDeep(): boolean {
    return this.#phase?.isDeep === true;
  }

  /** No PDU may be taken: what comes of it has no room, or the login must go on first. No accessor: V8 calls a private one slowly. */
  #isBlocked(): boolean {
    return this.#stepsUnderWay > 0 || this.#ended || !this.#sender.writable;
  }

  #regulate(): void {
    if (this.#ended) return;
    const waits = this.isWaiting || this.#hasMore;
    // A login is one request at a time (RFC 7143 §6.3): no more than that is kept of a storm of them.
    const backlog = this.#phase === undefined ? LOGIN_DATA_SEGMENT_LENGTH : BACKLOG;
    const full = this.#isBlocked() || (waits && this.#reader.buffered >= backlog);
    if (full === this.#paused) return;
    this.#paused = full;
    if (full) this.#tcp.pause();
    else this.#tcp.resume();
  }

  /** A fault ends this connection and no other, whether it is the initiator's or this program's. */
  #failed(cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    if (error instanceof ProtocolError) {
      if (this.#phase === undefined) this.#failLogin(LoginStatus.initiatorError, error);
      this.finish('protocol error', error);
    } else {
      if (this.#phase === undefined) this.#failLogin(LoginStatus.targetError, error);
      this.drop('internal error', error);
    }
  }

  #loginRequest(pdu: Pdu): void {
    this.#take(this.#login.receive(pdu));
  }

  #take(step: LoginStep): void {
    for (const bytes of step.send) this.#sender.sendRaw(bytes);
    const { outcome } = step;
    switch (outcome.kind) {
      case 'continue':
        return;
      case 'identified':
        this.#wait(this.#admit(outcome.identity));
        return;
      case 'failed':
        this.#failLogin(outcome.status, outcome.error);
        this.finish('protocol error');
        return;
      case 'complete':
        this.#wait(this.#enterFullFeaturePhase(outcome));
        return;
    }
  }

  /** Holds back PDUs until a step of the login is done. Such steps handle their own failures. */
  #wait(step: Promise<void>): void {
    this.#stepsUnderWay += 1;
    step.then(
      () => {
        this.#stepsUnderWay -= 1;
        this.#options.turns.enter(this);
      },
      (error) => this.#failed(error),
    );
  }

  /** Looks up what the initiator asks for, and decides. */
  async #admit(identity: LoginIdentity): Promise<void> {
    this.#loginTime.waitForTarget();
    this.#decision = await decideLogin(identity, this.#tcp, this.#options);
    if (this.#ended) return;
    this.#loginTime.waitForInitiator();
    this.#take(this.#login.admit(this.#decision.admission));
  }

  async #enterFullFeaturePhase(outcome: Extract<LoginOutcome, { kind: 'complete' }>): Promise<void> {
    this.#loginTime.end();
    const { identity, parameters } = outcome;
    const initiatorName = preparedName(identity.initiatorName) ?? identity.initiatorName;
    const { headerDigest, dataDigest } = parameters;
    this.#reader.configure({
      headerDigest,
      dataDigest,
      maxDataSegmentLength: parameters.maxRecvDataSegmentLength,
    });
    this.#sender.configure(outcome.statSN, { headerDigest, dataDigest });
    const { target, joined } = this.#decision ?? {};
    const reference: SessionReference = {
      initiatorName,
      isid: identity.isid,
      tsih: outcome.tsih,
      targetName: target?.name,
      remote: this.#tcp.remote,
    };
    const shared = { parameters, expCmdSN: outcome.expCmdSN, onEvent: this.#options.onEvent };
    const own = { sender: this.#sender, control: this };
    if (target === undefined || identity.sessionType === 'Discovery') {
      await this.#beginDiscovery({ ...shared, ...own, reference }, target, outcome.authenticatedAs);
      return;
    }
    const connection = { ...own, cid: identity.cid, paths: this.#options.paths };
    if (joined !== undefined) {
      await this.#join(joined, { ...connection, parameters });
      return;
    }
    const { clock } = this.#options;
    await reinstate(target, reference, { clock, signal: this.#gone.signal }, ({ reinstates, held }) => {
      if (this.#ended) return;
      const session = new Session({
        ...shared,
        authenticatedAs: outcome.authenticatedAs,
        reference: { ...reference, targetName: target.name },
        target,
        clock,
        onEnded: (ended) => this.#options.sessions.delete(ended),
      });
      this.#options.sessions.add(session);
      for (const unit of held) unit.tell(session, AdditionalSense.iTNexusLossOccurred);
      this.#phase = this.#watch(session.connections.add({ ...connection, parameters }));
      this.#options.onEvent({ kind: 'login', session: reference, reinstates });
    });
  }

  /** RFC 7143 §7.4.2: a session that names a target is one of that target's, as far as reinstatement goes. */
  async #beginDiscovery(
    options: Omit<DiscoveryOptions, 'asker' | 'directory' | 'paths' | 'onEnded'>,
    target: Target | undefined,
    provenName: string | undefined,
  ): Promise<void> {
    const { reference } = options;
    const { remote, local } = this.#tcp;
    const { initiatorName, isid } = reference;
    const asker = { initiatorName, isid, remote, local, ...(provenName === undefined ? {} : { provenName }) };
    const { directory, paths, discoverySessions } = this.#options;
    const sessions = target?.discoverySessions ?? discoverySessions;
    const portal = target === undefined ? `${local.address} ${local.port}` : '';
    const begin = ({ reinstates }: { readonly reinstates: boolean }): void => {
      if (this.#ended) return;
      const session = new DiscoverySession({
        ...options,
        asker,
        directory,
        paths,
        onEnded: (ended) => sessions.delete(ended),
      });
      sessions.add(session, reference, portal);
      this.#phase = session;
      this.#options.onEvent({ kind: 'login', session: reference, reinstates });
    };
    if (target === undefined) begin({ reinstates: sessions.end(reference, portal) });
    else await reinstate(target, reference, { clock: this.#options.clock, signal: this.#gone.signal }, begin);
  }

  /** One more connection of a session that exists, or one in the place of another (RFC 7143 §6.3.4, §6.3.6). */
  async #join(session: Session, options: SessionConnectionOptions): Promise<void> {
    // What holds for the session was settled by its first login; the rest is each connection's own (RFC 7143 §13).
    const { headerDigest, dataDigest, maxSendDataSegmentLength, maxRecvDataSegmentLength } = options.parameters;
    const own = { headerDigest, dataDigest, maxSendDataSegmentLength, maxRecvDataSegmentLength };
    const all = { ...options, parameters: { ...session.parameters, ...own } };
    const connection = await session.connections.join(all, this.#gone.signal);
    if (typeof connection === 'string') {
      this.drop('connection lost', joinFailure(connection, session.initiatorName));
      return;
    }
    this.#phase = connection;
    if (this.#ended || session.closing) {
      await connection.end('connection lost');
      return;
    }
    this.#watch(connection);
    const { reference } = session;
    this.#options.onEvent({ kind: 'connection joined', session: reference, cid: options.cid });
  }

  #watch(connection: SessionConnection): SessionConnection {
    this.#keepalive = new Keepalive(connection, this.#options.clock, this.#options.keepalive, () => {
      this.drop(
        'unresponsive',
        new DisklessError('ISCSI_TIMEOUT', `${this.#tcp.remote.address} did not answer a NOP-In in time`),
      );
    });
    return connection;
  }

  #failLogin(status: number, error: Error): void {
    this.#loginTime.end();
    this.#options.onEvent({ kind: 'login failed', remote: this.#tcp.remote, status, error });
  }

  finish(reason: SessionEnd, error?: Error): void {
    this.#end(reason, error);
    this.#tcp.end();
    // An initiator that does not close its side must not keep the connection.
    this.#lingerTimer ??= this.#options.clock.after(LINGER, () => this.#tcp.destroy());
  }

  drop(reason: SessionEnd, error?: Error): void {
    this.#end(reason, error);
    this.#tcp.destroy();
  }

  #end(reason: SessionEnd, error: Error | undefined): void {
    this.#ended = true;
    this.#gone.abort();
    this.#loginTime.end();
    this.#keepalive?.stop();
    void this.#phase?.end(reason, error);
  }

  closed(error: Error | undefined): void {
    this.#end('connection lost', error);
    this.#lingerTimer?.cancel();
    this.#options.onClosed(this);
  }
}

/** Why a connection has not become one of its session. */
function joinFailure(why: 'timeout' | 'aborted' | 'closed', initiatorName: string): DisklessError | undefined {
  switch (why) {
    case 'timeout': {
      const text = `a device is still at work for the connection whose place ${initiatorName} wants to take`;
      return new DisklessError('ISCSI_REINSTATEMENT_TIMEOUT', text);
    }
    case 'closed':
      return new DisklessError('ISCSI_SESSION_CLOSED', 'the session ended during the login');
    case 'aborted':
      return undefined;
  }
}
