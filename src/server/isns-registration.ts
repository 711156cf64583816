/**
 * The machines' targets registered with somebody else's iSNS server (RFC 4171 §2.3.2), for as long as this server runs. Its discovery
 * domains are its administrator's.
 */

import { IsnsConnection } from '../boot/isns-connection.ts';
import { DisklessError } from '../bytes/index.ts';
import { findNumber, textAttribute } from '../isns/attribute.ts';
import { requireSuccess } from '../isns/client.ts';
import { FunctionId } from '../isns/pdu.ts';
import { Tag } from '../isns/tag.ts';
import type { Clock, Timer } from '../os/clock.ts';
import type { Endpoint, Network } from '../os/network.ts';
import { targetEntity } from './isns-target-entity.ts';

/** Milliseconds for a connection, and for an answer. */
const TIMEOUT = 5000;
/** Milliseconds until the next attempt after one that failed. */
const RETRY_DELAY = 30_000;
/** Registrations are made anew at half of their period, within these bounds (milliseconds). */
const LEAST_REFRESH = 5000;
const MOST_REFRESH = 600_000;

export interface IsnsRegistrationOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly server: Endpoint;
  readonly portals: readonly Endpoint[];
  /** Names of all targets there are now. */
  readonly targetNames: () => readonly string[];
  /** Hears of what went wrong: once, until it has gone well again. */
  readonly onError: (error: unknown) => void;
}

export class IsnsRegistration implements AsyncDisposable {
  readonly #options: IsnsRegistrationOptions;
  readonly #ending = new AbortController();
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();
  #isRegistered = false;
  #hasFailed = false;

  constructor(options: IsnsRegistrationOptions) {
    this.#options = options;
  }

  /** Registers what there is now: at the start, and when there are more targets. */
  update(): void {
    this.#timer?.cancel();
    this.#running = this.#running.then(() => this.#attempt());
  }

  async #attempt(): Promise<void> {
    const { clock, targetNames, onError } = this.#options;
    const [source] = targetNames();
    // An entity has nodes, and one of them is who registers it.
    if (source === undefined || this.#ending.signal.aborted) return;
    this.#timer?.cancel();
    let delay = RETRY_DELAY;
    try {
      delay = await this.#register(source);
      this.#hasFailed = false;
      this.#isRegistered = true;
    } catch (error) {
      if (!this.#hasFailed && !this.#ending.signal.aborted) onError(error);
      this.#hasFailed = true;
      this.#isRegistered = false;
    }
    if (!this.#ending.signal.aborted) this.#timer = clock.after(delay, () => this.update());
  }

  /** Milliseconds until the registration is to be made anew. The first one replaces what an earlier server of ours has left. */
  async #register(source: string): Promise<number> {
    const { portals, targetNames } = this.#options;
    using connection = await this.#connect(source);
    const response = await connection.request({
      functionId: FunctionId.devAttrReg,
      replace: !this.#isRegistered,
      ...targetEntity(this.#identifier, portals, targetNames()),
    });
    const { operating } = requireSuccess(response, 'to register the machines’ targets');
    const period = findNumber(operating, Tag.registrationPeriod);
    const asked = period === undefined ? MOST_REFRESH : period * 500;
    return Math.min(MOST_REFRESH, Math.max(LEAST_REFRESH, asked));
  }

  #connect(source: string): Promise<IsnsConnection> {
    const { network, clock, server } = this.#options;
    return IsnsConnection.open({ network, clock, server, source, timeout: TIMEOUT });
  }

  /** One of its own for every boot server, and the same after a restart. */
  get #identifier(): string {
    const [first] = this.#options.portals;
    return `diskless-${first?.address ?? 'server'}`;
  }

  /** Takes the registration back. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    this.#timer?.cancel();
    await this.#running;
    const [source] = this.#options.targetNames();
    if (!this.#isRegistered || source === undefined) return;
    this.#isRegistered = false;
    try {
      using connection = await this.#connect(source);
      const operating = [textAttribute(Tag.entityIdentifier, this.#identifier)];
      await connection.request({ functionId: FunctionId.devDereg, operating });
    } catch (error) {
      // It ends by itself when its period is over.
      if (!(error instanceof DisklessError)) throw error;
    }
  }
}
