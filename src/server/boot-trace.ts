/**
 * Puts what the services see of a machine together to its boot, under one correlation id from the first DHCPDISCOVER to the
 * operating system's own login:
 *
 *     DISCOVER -> OFFER (loader) -> loader by TFTP or HTTP -> iPXE's DISCOVER -> root path -> login -> first READ
 *              -> the operating system's address -> its login with another ISID -> up
 *
 * No step is awaited: a machine may skip the first ones (iPXE in its ROM), repeat one, or start over at any time.
 */

import { randomUUID } from 'node:crypto';
import type { Ipv4Address, Ipv6Address, MacAddress } from '../bytes/index.ts';
import type { BootOutcome, BootStore } from '../fleet/boot.ts';
import type { Clock } from '../os/clock.ts';
import { type BootStage, progressOf } from './boot-stage.ts';
import type { ServerEventBody } from './events.ts';

/** A session as the trace needs it. */
export interface SessionSeen {
  /** What tells it from every other session of this run of the server. */
  readonly id: string;
  readonly mac: MacAddress;
  /** Six bytes as hex (RFC 7143 §10.12.5). */
  readonly isid: string;
  readonly initiatorName: string;
  readonly address: string;
}

/** A boot that shows no sign of life for this long, in milliseconds, is over: the next step begins another one. */
const LONGEST_PAUSE = 15 * 60_000;

/** Boots in memory; the store has the others. */
const MOST_BOOTS = 4096;

/** The firmware logged in before this server started: whoever comes now is somebody else. */
const UNKNOWN_MAKER = '';

interface RunningBoot {
  readonly id: string;
  readonly mac: MacAddress;
  readonly started: number;
  lastStep: number;
  stage: BootStage;
  outcome: BootOutcome;
  /** Who made the firmware's session: see `makerOf`. */
  firmware: string | undefined;
  readonly firmwareSessions: Set<string>;
  readonly osSessions: Set<string>;
  readonly readers: Set<string>;
}

export class BootTrace {
  readonly #clock: Clock;
  readonly #store: BootStore;
  readonly #emit: (event: ServerEventBody) => void;
  readonly #boots = new Map<MacAddress, RunningBoot>();

  constructor(clock: Clock, store: BootStore, emit: (event: ServerEventBody) => void) {
    this.#clock = clock;
    this.#store = store;
    this.#emit = emit;
  }

  /** Firmware without iPXE asks for an address. */
  discover(mac: MacAddress, text: string): void {
    const boot = this.#boots.get(mac);
    // A PXE ROM repeats its DISCOVER until it is answered; one that comes after the loader went out is a machine that started again.
    const again = boot !== undefined && boot.outcome === 'running' && progressOf(boot.stage) < progressOf('loader');
    this.#step(again ? this.#current(mac) : this.#begin(mac), 'discover', text);
  }

  /** iPXE asks for an address: a boot that goes on, or one that begins here. */
  ipxeDiscover(mac: MacAddress, text: string): void {
    const boot = this.#boots.get(mac);
    const goesOn = boot !== undefined && boot.outcome === 'running' && progressOf(boot.stage) < progressOf('login');
    this.#step(goesOn ? this.#current(mac) : this.#begin(mac), 'ipxe-discover', text);
  }

  /** Any other step of a machine's firmware or loader. */
  step(
    mac: MacAddress,
    stage: 'offer' | 'loader' | 'root-path' | 'no-loader' | 'no-answer' | 'lost',
    text: string,
  ): void {
    this.#step(this.#current(mac), stage, text);
  }

  /**
   * A machine got its address: before its login that is its firmware or its loader, afterwards the operating system. False when it is
   * not booting: then this is nothing but a lease.
   */
  leased(mac: MacAddress, address: Ipv4Address | Ipv6Address): boolean {
    const boot = this.#known(mac);
    if (boot?.outcome !== 'running') return false;
    const isOs = progressOf(boot.stage) >= progressOf('login');
    if (isOs) this.#step(boot, 'os-address', `the operating system has its address: ${address}`);
    return true;
  }

  /** The boot that the login belongs to; undefined when the machine is up already: then this is a session that came back. */
  login(session: SessionSeen): string | undefined {
    const boot = this.#known(session.mac) ?? this.#begin(session.mac);
    if (boot.outcome === 'up') return undefined;
    const who = `${session.initiatorName} from ${session.address}`;
    const maker = makerOf(session.isid);
    if (boot.firmware === undefined || boot.firmware === maker) {
      boot.firmware = maker;
      boot.firmwareSessions.add(session.id);
      this.#step(boot, 'login', `iSCSI login: ${who}`);
    } else {
      boot.osSessions.add(session.id);
      this.#step(boot, 'os-login', `the operating system logs in: ${who}`);
    }
    return boot.id;
  }

  /** The first READ of a session. */
  firstRead(session: SessionSeen): void {
    const boot = this.#known(session.mac);
    if (boot?.outcome !== 'running' || boot.readers.has(session.id)) return;
    boot.readers.add(session.id);
    if (!boot.osSessions.has(session.id)) {
      this.#step(boot, 'first-read', 'first block read');
      return;
    }
    this.#step(boot, 'up', 'up: the operating system runs from its disk');
    this.#finish(boot, 'up');
  }

  /**
   * A session ended; `failure` says why when it was not closed in order. Gives the boot when it was a session of its firmware: iPXE
   * opens and closes several, and leaves the last one behind when the operating system takes over the network card.
   */
  ended(session: SessionSeen, failure: string | undefined): string | undefined {
    const boot = this.#known(session.mac);
    if (boot === undefined || !boot.firmwareSessions.delete(session.id)) return undefined;
    const isNeeded = boot.outcome === 'running' && boot.osSessions.size === 0;
    if (failure !== undefined && isNeeded) this.#step(boot, 'lost', `the firmware’s session ended: ${failure}`);
    return boot.id;
  }

  #current(mac: MacAddress): RunningBoot {
    const boot = this.#known(mac);
    return boot?.outcome === 'running' ? boot : this.#begin(mac);
  }

  /** The machine's latest boot, also from before a restart of the server; undefined when it is too long ago. */
  #known(mac: MacAddress): RunningBoot | undefined {
    const boot = this.#boots.get(mac) ?? this.#recall(mac);
    if (boot === undefined || boot.outcome !== 'running') return boot;
    return this.#clock.now() - boot.lastStep <= LONGEST_PAUSE ? boot : undefined;
  }

  #recall(mac: MacAddress): RunningBoot | undefined {
    const [stored] = this.#store.latest(1, mac);
    if (stored === undefined || stored.outcome === 'abandoned') return undefined;
    const last = stored.steps.at(-1);
    const stage = (last?.stage ?? 'discover') as BootStage;
    const isPastFirmware = progressOf(stage) >= progressOf('login');
    return this.#remember({
      id: stored.id,
      mac,
      started: stored.started,
      lastStep: last?.time ?? stored.started,
      stage,
      outcome: stored.outcome,
      firmware: isPastFirmware ? UNKNOWN_MAKER : undefined,
      firmwareSessions: new Set(),
      osSessions: new Set(),
      readers: new Set(),
    });
  }

  #begin(mac: MacAddress): RunningBoot {
    const before = this.#boots.get(mac) ?? this.#recall(mac);
    if (before?.outcome === 'running') this.#finish(before, 'abandoned');
    const now = this.#clock.now();
    const id = randomUUID();
    this.#store.begin({ id, hardwareAddress: mac, started: now });
    return this.#remember({
      id,
      mac,
      started: now,
      lastStep: now,
      stage: 'discover',
      outcome: 'running',
      firmware: undefined,
      firmwareSessions: new Set(),
      osSessions: new Set(),
      readers: new Set(),
    });
  }

  #remember(boot: RunningBoot): RunningBoot {
    this.#boots.delete(boot.mac);
    this.#boots.set(boot.mac, boot);
    const [longestKnown] = this.#boots.keys();
    if (this.#boots.size > MOST_BOOTS && longestKnown !== undefined) this.#boots.delete(longestKnown);
    return boot;
  }

  #step(boot: RunningBoot, stage: BootStage, text: string): void {
    const time = this.#clock.now();
    boot.lastStep = time;
    if (progressOf(stage) >= 0) boot.stage = stage;
    this.#store.addStep(boot.id, { time, stage, text });
    this.#emit({ event: 'boot-step', boot: boot.id, mac: boot.mac, stage, text, elapsed: time - boot.started });
  }

  #finish(boot: RunningBoot, outcome: BootOutcome): void {
    boot.outcome = outcome;
    this.#store.finish(boot.id, outcome);
    const elapsed = this.#clock.now() - boot.started;
    this.#emit({ event: 'boot-end', boot: boot.id, mac: boot.mac, outcome, elapsed });
  }
}

/**
 * The part of an ISID that names who made it: its type and naming authority (RFC 7143 §10.12.5). The rest tells sessions of one maker
 * apart, and iPXE draws it anew for each connection, so a firmware that connects again must not pass for the operating system.
 */
function makerOf(isid: string): string {
  return isid.slice(0, 6);
}
