/** An iSCSI target: a name, its logical units, and the sessions that use it. It is served by any number of portals. */

import type { Device } from '../block/device.ts';
import { DisklessError } from '../bytes/index.ts';
import { type Clock, systemClock } from '../os/clock.ts';
import { MAXIMUM_LUN, type UnitIdentification } from '../scsi/index.ts';
import { DeviceWork } from './device-work.ts';
import { DiscoverySessions } from './discovery-sessions.ts';
import { LogicalUnit, type LogicalUnitOptions } from './logical-unit.ts';
import type { Session } from './session.ts';
import { RodTokens } from './third-party-copy/rod-tokens.ts';
import type { UnitFeatures } from './unit-features.ts';

/** The tag of the one portal group that all portals of a target form (RFC 7143 §4.4.1). */
export const PORTAL_GROUP_TAG = 1;

const MAXIMUM_TSIH = 0xffff;

export interface TargetOptions {
  /** A prepared iSCSI name. */
  readonly name: string;
  /** For people: TargetAlias. */
  readonly alias?: string;
  /** Devices by LUN. They stay the caller's to close, after the target is no longer served. */
  readonly units: ReadonlyMap<number, Device>;
  readonly identification?: Partial<UnitIdentification>;
  /** What units have beyond their devices, by LUN. */
  readonly features?: ReadonlyMap<number, UnitFeatures>;
  /** Where the target is managed, for initiators to read; 64 KiB in all. */
  readonly managementUrls?: readonly string[];
  /** For the time that tokens live. Default: the system's. */
  readonly clock?: Clock;
}

export class Target {
  readonly name: string;
  readonly alias: string | undefined;
  readonly units: ReadonlyMap<number, LogicalUnit>;
  /** The numbers of its units, in order. */
  readonly luns: readonly number[];
  readonly sessions = new Set<Session>();
  /** Those that name this target. */
  readonly discoverySessions = new DiscoverySessions();
  readonly #leaving = new Map<Session, DeviceWork>();
  #lastTsih = 0;

  /** Raises TARGET_LUN_INVALID. */
  constructor(options: TargetOptions) {
    this.name = options.name;
    this.alias = options.alias;
    this.luns = [...options.units.keys()].toSorted((a, b) => a - b);
    const rodTokens = new RodTokens({ clock: options.clock ?? systemClock });
    const shared = { siblings: () => this.luns, reachableUnits: () => this.units.values(), rodTokens };
    this.units = new Map(
      [...options.units].map(([number, device]) => [number, makeUnit(options, number, device, shared)] as const),
    );
  }

  /** A session handle that no session of this target has (RFC 7143 §11.12.6: 1 to 65535); undefined when all have one. */
  newTsih(): number | undefined {
    if (this.sessions.size >= MAXIMUM_TSIH) return undefined;
    const used = new Set([...this.sessions].map(({ tsih }) => tsih));
    do this.#lastTsih = (this.#lastTsih % MAXIMUM_TSIH) + 1;
    while (used.has(this.#lastTsih));
    return this.#lastTsih;
  }

  /** The session of one initiator port (RFC 7143 §4.4.3.1: there is at most one). */
  findSession(initiatorName: string, isid: string): Session | undefined {
    for (const session of this.sessions) {
      if (session.initiatorName === initiatorName && session.isid === isid) return session;
    }
    return undefined;
  }

  /**
   * Asks every initiator to log out within `time` seconds (1 to 65535), and drops those that do not. Resolves when the sessions are
   * over. Who should not come back must be kept out by the directory first.
   */
  async requestLogout(time: number): Promise<void> {
    await Promise.all([...this.sessions].map((session) => session.requestLogout(time)));
  }

  /** Nobody uses it, nothing goes on in it, and nothing is kept in memory that its initiators rely on. */
  get isIdle(): boolean {
    const isBusy = ({ sanitizer, reservations }: LogicalUnit) => sanitizer.busy || reservations.isInUse;
    return this.sessions.size === 0 && this.#leaving.size === 0 && ![...this.units.values()].some(isBusy);
  }

  /** Ends what goes on without a session, for the end of the process. The devices may be closed when it is done. */
  async close(): Promise<void> {
    await Promise.all([...this.units.values()].flatMap((unit) => [unit.sanitizer.close(), unit.copyManager.close()]));
  }

  /** A session is over, but for tasks that the device is still at: until `done`, they may change the medium, and so may its copies. */
  leave(session: Session, done: Promise<void>): void {
    this.sessions.delete(session);
    const copies = [...this.units.values()].map((unit) => unit.copyManager.left(session));
    const over = Promise.all([done, ...copies]).then(() => undefined);
    void over.finally(() => this.#leaving.delete(session));
    this.#leaving.set(session, new DeviceWork(over));
  }

  /** What a session of an initiator port that is over may still do to the medium. */
  findLeaving(initiatorName: string, isid: string): DeviceWork | undefined {
    for (const [session, work] of this.#leaving) {
      if (session.initiatorName === initiatorName && session.isid === isid) return work;
    }
    return undefined;
  }

  /** Everything that was acknowledged survives power loss when it is done. Rejects with the first device's error. */
  async flush(): Promise<void> {
    const devices = [...this.units.values()].map(({ device }) => device);
    await Promise.all(devices.map(async (device) => (device.readOnly ? undefined : device.flush())));
  }
}

function makeUnit(
  options: TargetOptions,
  number: number,
  device: Device,
  shared: Pick<LogicalUnitOptions, 'siblings' | 'reachableUnits' | 'rodTokens'>,
): LogicalUnit {
  if (!Number.isInteger(number) || number < 0 || number > MAXIMUM_LUN) {
    throw new DisklessError('TARGET_LUN_INVALID', `${number} is not a logical unit number`, {
      hint: `Use 0 to ${MAXIMUM_LUN}.`,
    });
  }
  return new LogicalUnit({
    number,
    device,
    ...shared,
    features: options.features?.get(number) ?? {},
    managementUrls: options.managementUrls ?? [],
    targetName: options.name,
    portalGroupTag: PORTAL_GROUP_TAG,
    ...(options.identification === undefined ? {} : { identification: options.identification }),
  });
}
