/**
 * The iSCSI initiator: finds a target's portal, logs in, follows redirections, and gives the session.
 *
 *     const initiator = new Initiator({ network, clock, initiatorName });
 *     const session = await initiator.login({ host: '192.0.2.5', port: 3260 }, 'iqn.2001-04.com.example:disk');
 */

import { randomBytes } from 'node:crypto';
import { DisklessError } from '../bytes/index.ts';
import { CHAP_MD5, type ChapCredentials } from '../iscsi/chap.ts';
import type { InitiatorLoginOptions } from '../iscsi/initiator-login.ts';
import type { SessionType } from '../iscsi/negotiation.ts';
import { defaultWishes, type Wishes } from '../iscsi/parameters.ts';
import type { Clock } from '../os/clock.ts';
import type { Network, TcpConnection } from '../os/network.ts';
import { Connection } from './connection.ts';
import { type DiscoveredTarget, sendTargets } from './discovery.ts';
import { LastingSession, type LastingSessionOptions } from './lasting-session.ts';
import { type LoginRedirected, logIn } from './login.ts';
import { Session } from './session.ts';
import { formatPortal, type Portal, parseTargetAddress } from './target-address.ts';
import { defaultTimeouts, type Timeouts } from './timeouts.ts';

export interface InitiatorOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly initiatorName: string;
  /** Six bytes (RFC 7143 §11.12.5); random when not given, so that no other session of this name is reinstated by accident. */
  readonly isid?: Uint8Array;
  /** CHAP: what this side proves, and what the target must prove when `target` is there (RFC 7143 §12.1.3). */
  readonly chap?: ChapCredentials;
  /** CHAP algorithms to offer, the most wanted first; all when not given. */
  readonly chapAlgorithms?: readonly number[];
  readonly wishes?: Partial<Wishes>;
  readonly timeouts?: Partial<Timeouts>;
}

export interface LoginOptions {
  readonly signal?: AbortSignal;
  /** Told before a redirection is followed; what it raises, or rejects with, ends the login. */
  readonly redirected?: (from: Portal, to: Portal, permanent: boolean) => void | Promise<void>;
}

export interface KeepOptions extends LoginOptions, Pick<LastingSessionOptions, 'onReachability'> {}

/** RFC 7143 does not bound redirections; more than this is a loop in practice. */
const MAX_REDIRECTIONS = 8;

const FIRST_CMD_SN = 1;

/** How a login can end at a target that misreads the list of CHAP algorithms. */
const misreadAlgorithms: ReadonlySet<string> = new Set(['ISCSI_LOGIN_AUTH_FAILED', 'ISCSI_LOGIN_INITIATOR_ERROR']);

export class Initiator {
  readonly #options: InitiatorOptions;
  readonly #timeouts: Timeouts;
  readonly #isid: Uint8Array;

  constructor(options: InitiatorOptions) {
    this.#options = options;
    this.#timeouts = { ...defaultTimeouts, ...options.timeouts };
    this.#isid = options.isid ?? randomIsid();
  }

  /**
   * A session with a target. Raises NETWORK_..., ISCSI_LOGIN_..., ISCSI_TARGET_NOT_FOUND, ISCSI_REDIRECTIONS, ISCSI_TARGET_ADDRESS,
   * ABORTED.
   */
  async login(portal: Portal, targetName: string, options: LoginOptions = {}): Promise<Session> {
    let at = portal;
    for (let redirections = 0; redirections <= MAX_REDIRECTIONS; redirections++) {
      const result = await this.#logInOnce(at, 'Normal', targetName, options.signal);
      if (result instanceof Session) return result;
      const next = parseTargetAddress(result.address);
      await options.redirected?.(at, next, result.permanent);
      at = next;
    }
    throw new DisklessError(
      'ISCSI_REDIRECTIONS',
      `the login to ${targetName} was redirected ${MAX_REDIRECTIONS + 1} times, last to ${formatPortal(at)}`,
      { hint: 'The targets send the initiator round in a circle: check their redirections.' },
    );
  }

  /**
   * A session that is kept up: it is followed by another one when the target ends it, as far as logins succeed. Raises what `login`
   * raises, when there cannot even be a first one.
   */
  async keep(portal: Portal, targetName: string, options: KeepOptions = {}): Promise<LastingSession> {
    const { onReachability } = options;
    const first = await this.login(portal, targetName, options);
    return new LastingSession(first, {
      clock: this.#options.clock,
      timeout: this.#timeouts.renewal,
      ...(onReachability === undefined ? {} : { onReachability }),
      // Where it was redirected to may be gone: a new login starts where the first one did.
      login: (signal) => this.login(portal, targetName, { ...options, signal }),
    });
  }

  /** The targets that a portal offers this initiator (RFC 7143 appendix C), by a discovery session. */
  async discover(portal: Portal, options: LoginOptions = {}): Promise<DiscoveredTarget[]> {
    const session = await this.#logInOnce(portal, 'Discovery', undefined, options.signal);
    if (!(session instanceof Session)) {
      const to = parseTargetAddress(session.address);
      throw new DisklessError(
        'ISCSI_LOGIN_REDIRECTED',
        `discovery at ${formatPortal(portal)} was sent on to ${formatPortal(to)}`,
        {
          hint: 'Ask that portal.',
        },
      );
    }
    try {
      return await sendTargets(session);
    } finally {
      await session.close();
    }
  }

  /**
   * Some targets misread a list of CHAP algorithms: tgt takes SHA-256, 7, for its own SHA-1, and calls the longer response no failed
   * authentication but an error. Where the list was not chosen by anybody, they get a second chance with MD5, which every target has
   * to know (RFC 7143 §12.1.3).
   */
  async #logInOnce(
    portal: Portal,
    sessionType: SessionType,
    targetName: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Session | LoginRedirected> {
    const { chap, chapAlgorithms } = this.#options;
    const logIn = (algorithms: readonly number[] | undefined): Promise<Session | LoginRedirected> =>
      this.#logInWith(algorithms, portal, sessionType, targetName, signal);
    if (chap === undefined || chapAlgorithms !== undefined) return logIn(chapAlgorithms);
    try {
      return await logIn(undefined);
    } catch (error) {
      const isRefused = error instanceof DisklessError && misreadAlgorithms.has(error.code);
      if (!isRefused || signal?.aborted === true) throw error;
      return logIn([CHAP_MD5]);
    }
  }

  async #logInWith(
    algorithms: readonly number[] | undefined,
    portal: Portal,
    sessionType: SessionType,
    targetName: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Session | LoginRedirected> {
    const { clock, initiatorName } = this.#options;
    const connection = new Connection(await this.#connect(portal, signal));
    const identity = { initiatorName, targetName, isid: this.#isid, cid: 0, cmdSN: FIRST_CMD_SN };
    return logIn(
      connection,
      {
        sessionType,
        initiatorName,
        ...(targetName === undefined ? {} : { targetName }),
        isid: this.#isid,
        tsih: 0,
        cid: identity.cid,
        initiatorTaskTag: 0,
        cmdSN: FIRST_CMD_SN,
        ...this.#authentication(algorithms),
        wishes: { ...defaultWishes, ...this.#options.wishes },
      },
      { clock, timeout: this.#timeouts.login, signal },
      (outcome) => new Session(connection, identity, outcome, clock, this.#timeouts),
    );
  }

  #authentication(algorithms: readonly number[] | undefined): Pick<InitiatorLoginOptions, 'authentication'> {
    const { chap: credentials } = this.#options;
    if (credentials === undefined) return {};
    return { authentication: { credentials, random: randomBytes, ...(algorithms && { algorithms }) } };
  }

  /** Tries each address of the host in turn; the last one's error counts. */
  async #connect(portal: Portal, signal: AbortSignal | undefined): Promise<TcpConnection> {
    const { network } = this.#options;
    let failure: unknown;
    for (const address of await network.resolve(portal.host)) {
      try {
        const options = { timeout: this.#timeouts.connect, ...(signal === undefined ? {} : { signal }) };
        return await network.connectTcp({ address, port: portal.port }, options);
      } catch (error) {
        if (signal?.aborted) throw error;
        failure = error;
      }
    }
    throw failure ?? new DisklessError('NETWORK_NAME_UNKNOWN', `${portal.host} has no address`);
  }
}

/** Type 10b of RFC 7143 §11.12.5: three random bytes and a random qualifier. */
function randomIsid(): Uint8Array {
  return Uint8Array.of(0x80, ...randomBytes(5));
}
