/** A network portal (RFC 7143 §4.4.1): an address and a port at which targets can be reached. */

import { randomBytes } from 'node:crypto';
import { DisklessError, type IpNetwork } from '../bytes/index.ts';
import type { Random } from '../iscsi/chap.ts';
import { defaultWishes, type Wishes } from '../iscsi/parameters.ts';
import { type Clock, systemClock, type Timer } from '../os/clock.ts';
import type { Endpoint, Network, TcpConnection, TcpListener } from '../os/network.ts';
import { Connection } from './connection.ts';
import type { TargetDirectory } from './directory.ts';
import { DiscoverySessions } from './discovery-sessions.ts';
import type { TargetEventListener } from './event.ts';
import type { KeepaliveOptions } from './keepalive.ts';
import { PortalGroup, type PortalOfGroup } from './portal-group.ts';
import type { Session } from './session.ts';
import { Turns } from './turns.ts';

export const ISCSI_PORT = 3260;

export interface PortalOptions {
  readonly network: Network;
  readonly endpoint: Endpoint;
  readonly directory: TargetDirectory;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly onEvent?: TargetEventListener;
  /** What is offered in the login, where it differs from the default. */
  readonly wishes?: Partial<Wishes>;
  /** Milliseconds; default 15 s. */
  readonly loginTimeout?: number;
  /** Default: asked after 15 s of silence, dropped after 120 s of it. */
  readonly keepalive?: KeepaliveOptions;
  /** The portals of the same server; default: it is the only one. SendTargets lists those of the same directory. */
  readonly group?: PortalGroup;
  /** Where initiators are that may be told of this portal at another one of the group; default: anywhere. */
  readonly reachableFrom?: readonly IpNetwork[];
  /** Connections at a time; default 4096. */
  readonly maximumConnections?: number;
  /** Normal sessions at a time, with or without a connection; default as many as connections. */
  readonly maximumSessions?: number;
  /** Milliseconds that `close` waits for what is under way; default 5 s. */
  readonly closeTimeout?: number;
  /** Seconds that `close` gives initiators to log out by themselves, when it should ask them at all; 1 to 65535. */
  readonly logoutTime?: number;
}

/**
 * Several bursts may be asked for at once: the link stays busy while one is on its way. More connections and recovery are there for
 * initiators that ask for them; who does not has one connection and none.
 */
const targetWishes: Partial<Wishes> = {
  maxOutstandingR2T: 4,
  firstBurstLength: 65_536,
  maxConnections: 4,
  errorRecoveryLevel: 2,
  defaultTime2Retain: 20,
  taskReporting: 'FastAbort',
  iSCSIProtocolLevel: 2,
};

/**
 * Milliseconds in which an initiator that is there takes what is queued for it, or closes its side after this one: while the portal
 * closes, one that does neither is not waited for. A machine that was switched off would otherwise hold up the end of the server.
 */
const SILENCE = 1_000;

/**
 * As long as Linux waits for its disk to come back (open-iscsi's `replacement_timeout`, 120 s), the disk waits for it: a machine that
 * stands still for a while, as a virtual one does, goes on afterwards. To one that has no iscsid running, as between its initramfs
 * and its system, the end of a session is the end of its root file system.
 */
const defaultKeepalive: KeepaliveOptions = { interval: 15_000, timeout: 105_000 };

export class Portal implements PortalOfGroup, AsyncDisposable {
  readonly #options: PortalOptions;
  readonly #clock: Clock;
  readonly #connections = new Set<Connection>();
  readonly #sessions = new Set<Session>();
  readonly #turns: Turns;
  readonly #discoverySessions = new DiscoverySessions();
  readonly #group: PortalGroup;
  #listener: TcpListener | undefined;
  #closing: Promise<void> | undefined;
  #onEmpty: (() => void) | undefined;

  private constructor(options: PortalOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#turns = new Turns(this.#clock);
    this.#group = options.group ?? new PortalGroup({ clock: this.#clock });
  }

  /** Listens. Raises NETWORK_PORT_IN_USE, NETWORK_PORT_FORBIDDEN, NETWORK_ADDRESS_UNKNOWN. */
  static async open(options: PortalOptions): Promise<Portal> {
    const portal = new Portal(options);
    portal.#listener = await options.network.listenTcp(options.endpoint, (tcp) => portal.#accept(tcp));
    portal.#group.add(portal);
    return portal;
  }

  /** Where it listens, with the port that the kernel chose when 0 was asked for. */
  get endpoint(): Endpoint {
    return this.#listener?.endpoint ?? this.#options.endpoint;
  }

  get directory(): TargetDirectory {
    return this.#options.directory;
  }

  get reachableFrom(): readonly IpNetwork[] | undefined {
    return this.#options.reachableFrom;
  }

  #accept(tcp: TcpConnection): void {
    const limit = this.#options.maximumConnections ?? 4096;
    if (this.#closing !== undefined || this.#connections.size >= limit) {
      tcp.destroy(new DisklessError('ISCSI_TOO_MANY_CONNECTIONS', `the portal has ${limit} connections already`));
      return;
    }
    this.#connections.add(
      new Connection(tcp, {
        directory: this.directory,
        wishes: { ...defaultWishes, ...targetWishes, ...this.#options.wishes },
        clock: this.#clock,
        random: this.#options.random ?? randomBytes,
        loginTimeout: this.#options.loginTimeout ?? 15_000,
        keepalive: this.#options.keepalive ?? defaultKeepalive,
        authenticationFailures: this.#group.authenticationFailures,
        paths: () => this.#group.paths(tcp, this.directory),
        onEvent: this.#options.onEvent ?? (() => {}),
        isOpen: () => this.#closing === undefined,
        sessions: this.#sessions,
        maximumSessions: this.#options.maximumSessions ?? limit,
        turns: this.#turns,
        discoverySessions: this.#discoverySessions,
        onClosed: (connection) => this.#closed(connection),
      }),
    );
  }

  #closed(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  /** The normal sessions of this portal, with or without a connection. */
  get sessions(): readonly Session[] {
    return [...this.#sessions];
  }

  /**
   * Ends in good order: takes no more connections, asks the initiators to log out if it should, answers what is under way, flushes
   * the devices, tells the initiators that are left, and closes. Rejects with the error of a device that cannot be flushed, after everything is closed.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const listenerClosed = this.#listener?.close();
    this.#group.delete(this);
    const timeout = this.#options.closeTimeout ?? 5_000;
    const { sessions } = this;
    for (const connection of this.#connections) if (connection.isDoubtful) connection.drop('unresponsive');
    const { logoutTime } = this.#options;
    if (logoutTime !== undefined) await Promise.all(sessions.map((session) => session.requestLogout(logoutTime)));
    await this.#within(timeout, Promise.all(sessions.map((session) => session.tasks.idle())));
    const targets = new Set(sessions.map(({ target }) => target));
    const flushed = await Promise.allSettled([...targets].map((target) => target.flush()));
    for (const connection of this.#connections) {
      connection.phase?.announceShutdown();
      connection.finish('shutdown');
    }
    // Those that wait for a connection to come back have none to be told by.
    for (const session of sessions) void session.end('shutdown');
    await this.#within(timeout, this.#empty());
    for (const connection of this.#connections) connection.drop('shutdown');
    await this.#empty();
    await listenerClosed;
    const failed = flushed.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  #empty(): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  /** Resolves with `work`, or when the time is over. Meanwhile, initiators that are not there any more are let go of. */
  async #within(milliseconds: number, work: Promise<unknown>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let timer: Timer | undefined;
    const look = (left: number): void => {
      const before = new Map([...this.#connections].flatMap((one) => (one.isAwaited ? [[one, one.signs]] : [])));
      timer = this.#clock.after(Math.min(left, SILENCE), () => {
        for (const [connection, signs] of before) {
          if (connection.isAwaited && connection.signs === signs) connection.drop('unresponsive');
        }
        if (left > SILENCE) look(left - SILENCE);
        else resolve();
      });
    };
    look(milliseconds);
    await Promise.race([work, promise]);
    timer?.cancel();
  }
}
